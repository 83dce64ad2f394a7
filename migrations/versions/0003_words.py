"""Full-text search over what is written or spoken, and over what is known of each asset: names, places, dates."""

import sqlalchemy as sa
from alembic import op

from bowerbird.errors import LibraryError

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_PLACE, _CAMERA, _SAID = ("place", "region", "country"), ("camera", "lens"), ("title", "artist", "album", "keywords")
_FACTS = (*_PLACE, *_CAMERA, *_SAID, "words")


def upgrade():
    if op.get_bind().dialect.name == "postgresql":
        _refuse_ascii(op.get_bind())
    op.add_column("asset", sa.Column("words", sa.Text(), nullable=True))
    op.add_column("asset", sa.Column("dated_at", sa.DateTime(), nullable=True))
    op.create_index("ix_asset_dated_at", "asset", ["dated_at"])
    wordless = sa.text("words IS NULL")
    op.create_index("ix_asset_wordless", "asset", ["id"], sqlite_where=wordless, postgresql_where=wordless)
    op.create_table(
        "vocabulary",
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("initial", sa.Text(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_vocabulary")),
    )
    op.create_index("ix_vocabulary_initial_length", "vocabulary", ["initial", "length"])
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.get_bind().exec_driver_sql(statement)


def _refuse_ascii(connection):
    """Where the database takes no letter for one but those of ASCII, hardly a word of most languages would be found."""
    if not connection.exec_driver_sql("SELECT 'ж' ~ '[[:alnum:]]'").scalar():
        raise LibraryError(
            "the database knows no letters but those of ASCII; make another, for instance with: CREATE DATABASE name"
            " TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"
        )


def downgrade():
    for statement in _SQLITE_DOWN if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL_DOWN:
        op.get_bind().exec_driver_sql(statement)
    op.drop_table("vocabulary")
    op.drop_index("ix_asset_wordless", "asset")
    op.drop_index("ix_asset_dated_at", "asset")
    op.drop_column("asset", "dated_at")
    op.drop_column("asset", "words")


def _kept_up(index, owner, columns, filled):
    """SQLite: an FTS5 index over ``columns`` of those rows of ``owner`` in which ``filled`` is not null."""
    named = ", ".join(columns)
    old, new = (", ".join(f"{row}.{name}" for name in columns) for row in ("old", "new"))
    put = f"INSERT INTO {index}(rowid, {named}) SELECT new.id, {new} WHERE new.{filled} IS NOT NULL;"
    # FTS5 finds what it has to take out by the old words: https://sqlite.org/fts5.html#external_content_tables
    take = (
        f"INSERT INTO {index}({index}, rowid, {named}) SELECT 'delete', old.id, {old} WHERE old.{filled} IS NOT NULL;"
    )
    return (
        f"CREATE VIRTUAL TABLE {index} USING fts5({named}, content='{owner}', content_rowid='id', columnsize=0,"
        " tokenize='porter unicode61 remove_diacritics 2')",
        f"CREATE TRIGGER {index}_insert AFTER INSERT ON {owner} BEGIN {put} END",
        f"CREATE TRIGGER {index}_delete AFTER DELETE ON {owner} BEGIN {take} END",
        f"CREATE TRIGGER {index}_update AFTER UPDATE OF {named} ON {owner} BEGIN {take} {put} END",
        f"INSERT INTO {index}(rowid, {named}) SELECT id, {named} FROM {owner} WHERE {filled} IS NOT NULL",
    )


_NAMELESS = "UPDATE asset SET words = NULL WHERE id = {row}.asset_id AND words IS NOT NULL;"
_ELSEWHERE = (
    "old.asset_id IS NOT new.asset_id OR old.path IS NOT new.path"
    " OR old.root_id IS NOT new.root_id OR old.dated_at IS NOT new.dated_at"
)
_OLD, _NEW = _NAMELESS.format(row="old"), _NAMELESS.format(row="new")

_SQLITE = (
    *_kept_up("segment_words", "segment", ("text",), "text"),
    *_kept_up("asset_words", "asset", _FACTS, "words"),
    f"CREATE TRIGGER location_insert AFTER INSERT ON location BEGIN {_NEW} END",
    f"CREATE TRIGGER location_delete AFTER DELETE ON location BEGIN {_OLD} END",
    f"CREATE TRIGGER location_update AFTER UPDATE ON location WHEN {_ELSEWHERE} BEGIN {_OLD} {_NEW} END",
)
_SQLITE_DOWN = (
    *(f"DROP TRIGGER location_{event}" for event in ("insert", "delete", "update")),
    *(
        f"DROP TRIGGER {index}_{event}"
        for index in ("segment_words", "asset_words")
        for event in ("insert", "delete", "update")
    ),
    "DROP TABLE segment_words",
    "DROP TABLE asset_words",
)


def _weighed(weight, columns):
    joined = " || ' ' || ".join(f"coalesce({name}, '')" for name in columns)
    return f"setweight(lexemes_of({joined}), '{weight}')"


_KINDS_OF_TOKENS = (
    "asciiword, word, numword, asciihword, hword, numhword, hword_asciipart, hword_part, hword_numpart,"
    " email, url, host, url_path, file, version, int, uint, float, sfloat"
)
_POSTGRESQL = (
    # No words are left out and the stems are Porter's, as in FTS5.
    "CREATE TEXT SEARCH DICTIONARY lexemes_stem (TEMPLATE = snowball, LANGUAGE = porter)",
    'CREATE TEXT SEARCH CONFIGURATION lexemes (PARSER = "default")',
    f"ALTER TEXT SEARCH CONFIGURATION lexemes ADD MAPPING FOR {_KINDS_OF_TOKENS} WITH lexemes_stem",
    # Letters and digits alone leave the parser nothing to be clever about; Latin ones lose their accents, and sigma
    # its final form, as in FTS5. 200,000 characters are sure to stay under the megabyte that a tsvector may have.
    r"""CREATE FUNCTION lexemes_of(said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT to_tsvector('lexemes', regexp_replace(translate(normalize(regexp_replace(
            normalize(left(said, 200000), NFD), '([A-Za-z])[\u0300-\u036f]+', '\1', 'g'), NFC), 'ς', 'σ'),
            '[^[:alnum:]]+', ' ', 'g'))
    $$""",
    "ALTER TABLE segment ADD COLUMN lexemes tsvector GENERATED ALWAYS AS (lexemes_of(text)) STORED",
    "CREATE INDEX ix_segment_lexemes ON segment USING gin (lexemes)",
    "ALTER TABLE asset ADD COLUMN lexemes tsvector GENERATED ALWAYS AS ("
    f"{_weighed('A', _PLACE)} || {_weighed('B', _CAMERA)} || {_weighed('C', _SAID)} || {_weighed('D', ('words',))}"
    ") STORED",
    "CREATE INDEX ix_asset_lexemes ON asset USING gin (lexemes)",
    f"""CREATE FUNCTION location_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP <> 'INSERT' THEN {_OLD} END IF;
        IF TG_OP <> 'DELETE' THEN {_NEW} END IF;
        RETURN NULL;
    END $$""",
    "CREATE TRIGGER location_changed AFTER INSERT OR DELETE ON location"
    " FOR EACH ROW EXECUTE FUNCTION location_changed()",
    "CREATE TRIGGER location_moved AFTER UPDATE ON location FOR EACH ROW"
    f" WHEN ({_ELSEWHERE.replace('IS NOT', 'IS DISTINCT FROM')}) EXECUTE FUNCTION location_changed()",
)
_POSTGRESQL_DOWN = (
    "DROP TRIGGER location_changed ON location",
    "DROP TRIGGER location_moved ON location",
    "DROP FUNCTION location_changed",
    "ALTER TABLE asset DROP COLUMN lexemes",
    "ALTER TABLE segment DROP COLUMN lexemes",
    "DROP FUNCTION lexemes_of",
    "DROP TEXT SEARCH CONFIGURATION lexemes",
    "DROP TEXT SEARCH DICTIONARY lexemes_stem",
)
