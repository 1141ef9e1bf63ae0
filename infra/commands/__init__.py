"""The subcommands of `ayni`, a module each; `infra/cli.py` is the table of them."""
