"""Where and when things were taken and by what, what they are called, and how sure what was heard or read is."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_FACTS = (
    ("taken_at", sa.DateTime()),
    ("taken_from", sa.Text()),
    ("camera", sa.Text()),
    ("lens", sa.Text()),
    ("latitude", sa.Double()),
    ("longitude", sa.Double()),
    ("place", sa.Text()),
    ("region", sa.Text()),
    ("country", sa.Text()),
    ("title", sa.Text()),
    ("artist", sa.Text()),
    ("album", sa.Text()),
    ("keywords", sa.Text()),
)


def upgrade():
    for name, type_ in _FACTS:
        op.add_column("asset", sa.Column(name, type_, nullable=True))
    op.create_index("ix_asset_taken_at", "asset", ["taken_at"])
    op.add_column("location", sa.Column("dated_at", sa.DateTime(), nullable=True))
    op.add_column("location", sa.Column("dated_from", sa.Text(), nullable=True))
    op.add_column("segment", sa.Column("confidence", sa.Double(), nullable=True))


def downgrade():
    op.drop_column("segment", "confidence")
    op.drop_column("location", "dated_from")
    op.drop_column("location", "dated_at")
    op.drop_index("ix_asset_taken_at", "asset")
    for name, _ in reversed(_FACTS):
        op.drop_column("asset", name)
