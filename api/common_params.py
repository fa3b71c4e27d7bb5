"""The parameters that every route takes: who asks, in the name of which application, and what is shown of it.

They are declared with `appointments/create`; a route that is read with GET takes no token among them, because
a token never goes into a URL (contract.md section 4).
"""

from api.appointment_params import CREATE

TOKEN = CREATE["token"]
OF_THE_CALLER = (CREATE["application"], CREATE["session_view"])
EVERYWHERE = (TOKEN, *OF_THE_CALLER)
