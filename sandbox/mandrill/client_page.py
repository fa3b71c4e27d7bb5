"""Where the button of a client's mail leads on one machine: a stand-in for the page of the web front end.

`make run` names it as APPOINTMENT_URL. It knows nothing of appointments; it shows the two requests that a front
end would make for the client, to paste into a shell.
"""

import json
import shlex

from sandbox.mandrill.pages import PageHandler

UUID = "([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"
_NOW = "$(TZ=America/Denver date '+%Y-%m-%d %H:%M:%S')"


class AppointmentPage(PageHandler):
    """``/appointments/<uuid>``"""

    def get(self, uuid: str) -> None:
        run_file = shlex.quote(str(self.parts.options.store.parent / "run.json"))
        self.page(
            "appointment.html",
            uuid=uuid,
            # Of a "client" in the file, the text that follows is the token of the demo's client.
            take_token=f'TOKEN=$(sed -n \'s/.*"client": *"\\([^"]*\\)".*/\\1/p\' {run_file})',
            move=self._request("update", uuid, time_start_local="2:00 PM"),
            cancel=self._request("cancel", uuid),
        )

    def _request(self, service: str, uuid: str, **params: str) -> str:
        """A line for a shell, which fills in the token and the present moment: an old stamp is refused."""
        body = json.dumps({"token": "$TOKEN", "uuid": uuid, "updated_at_mt": _NOW, **params})
        url = shlex.quote(f"{self.parts.options.product_url}/api/v1/appointments/{service}")
        quoted = body.replace('"', '\\"')
        return f"curl -s -X PUT {url} \\\n  -H 'Content-Type: application/json' \\\n  -d \"{quoted}\""
