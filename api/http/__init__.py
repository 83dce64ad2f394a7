"""The HTTP API: `app.create_app` puts it together, `gate` says who may enter, `routes` has one module a resource."""
