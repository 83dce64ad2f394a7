"""Runs the migrations on a connection that the program hands in, or on ``-x url=…`` when called as ``alembic``."""

from alembic import context

from bowerbird.store.catalog.full_text import belongs
from bowerbird.store.engine import make_engine, writing
from bowerbird.store.tables import metadata


def _run(connection):
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transactional_ddl=True,  # SQLite's too: a migration and its record stand or fall together
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        include_name=lambda name, type_, parents: not belongs(name),  # made by 0003 in a way of each database's own
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with writing(make_engine(context.get_x_argument(as_dictionary=True)["url"])) as own:
        _run(own)
