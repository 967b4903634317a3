"""`make up`: the project on this machine. Nothing that is deployed imports it.

- ``up`` starts it and ends every failure with a sentence; ``session`` is one run: deploy, serve, go on with edits.
- ``aws`` is the embedded AWS, moto's server; ``deployment`` deploys into it, ``imports`` saves Terraform waiting.
- ``system`` is all that runs: ``function`` runs a deployed Lambda function in processes (``process``, ``bootstrap``),
  ``stream`` feeds it a table's stream, ``invoke`` serves Lambda's Invoke API.
- ``gateway`` serves the REST API (``rest_api`` reads it, ``sigv4`` and ``model`` check requests, ``proxy`` turns them
  into events), ``http_api`` the HTTP API (``http_event``,
  ``jwt_authorizer``); ``integration`` and ``server`` are what both share.
- ``watch`` tells what is saved, ``terminal`` prints for a person, ``demo`` is the shipment of the welcome; what goes
  on beside is in ``threads``.

An API that needs more than the deployed ones is refused with a sentence.
"""
