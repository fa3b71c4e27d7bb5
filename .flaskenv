# What the `flask` command finds by itself in this directory: the application together with its commands.
FLASK_APP=cli.app:create_app
