"""Organisations, offers, wants and deals."""

from alembic import op

from kit.idempotency import TABLE as IDEMPOTENCY
from kit.outbox import create_outbox, drop_outbox

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = ("deals", "wants", "sessions", "offers", "sites", "people", "licences", "api_keys", "organisations")
STATEMENTS = (
    """
    CREATE TABLE organisations (
        id UUID NOT NULL,
        country VARCHAR NOT NULL,
        tax_id VARCHAR NOT NULL,
        name VARCHAR NOT NULL,
        kind VARCHAR NOT NULL,
        is_verified BOOLEAN NOT NULL,
        activity VARCHAR,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT organisations_join_once UNIQUE (country, tax_id),
        CONSTRAINT organisations_kind_known CHECK (kind in ('firm', 'cooperative', 'recycler', 'fish_plant', 'facilitator',
            'authority'))
    )
    """,
    """
    CREATE TABLE api_keys (
        id UUID NOT NULL,
        organisation_id UUID NOT NULL,
        name VARCHAR NOT NULL,
        scopes VARCHAR[] NOT NULL,
        key_hash BYTEA NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT api_keys_once UNIQUE (key_hash),
        CONSTRAINT api_keys_organisation FOREIGN KEY(organisation_id) REFERENCES organisations (id)
    )
    """,
    """
    CREATE INDEX ix_api_keys_organisation_id ON api_keys (organisation_id)
    """,
    """
    CREATE TABLE licences (
        id UUID NOT NULL,
        organisation_id UUID NOT NULL,
        kind VARCHAR NOT NULL,
        number VARCHAR NOT NULL,
        valid_until DATE,
        evidence VARCHAR NOT NULL,
        ends_at TIMESTAMP WITH TIME ZONE,
        has_ended BOOLEAN NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT licences_kind_known CHECK (kind in ('eo_rs', 'eo_rs_hazardous', 'recycler_register', 'hydrobiological_plant',
            'priority_goods_system', 'own_plant_valorisation')),
        CONSTRAINT licences_evidence_known CHECK (evidence in ('declared', 'document', 'checked')),
        CONSTRAINT licences_organisation FOREIGN KEY(organisation_id) REFERENCES organisations (id)
    )
    """,
    """
    CREATE INDEX ix_licences_organisation_id ON licences (organisation_id)
    """,
    """
    CREATE INDEX licences_to_end ON licences (ends_at) WHERE not has_ended
    """,
    """
    CREATE TABLE people (
        id UUID NOT NULL,
        organisation_id UUID NOT NULL,
        email VARCHAR NOT NULL,
        display_name VARCHAR NOT NULL,
        language VARCHAR NOT NULL,
        password_hash VARCHAR NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT people_email_once UNIQUE (email),
        CONSTRAINT people_language_known CHECK (language in ('es', 'en')),
        CONSTRAINT people_organisation FOREIGN KEY(organisation_id) REFERENCES organisations (id)
    )
    """,
    """
    CREATE INDEX ix_people_organisation_id ON people (organisation_id)
    """,
    """
    CREATE TABLE sites (
        id UUID NOT NULL,
        organisation_id UUID NOT NULL,
        name VARCHAR NOT NULL,
        latitude FLOAT NOT NULL,
        longitude FLOAT NOT NULL,
        place_code VARCHAR,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT sites_on_earth CHECK (latitude between -90 and 90 and longitude between -180 and 180),
        CONSTRAINT sites_organisation FOREIGN KEY(organisation_id) REFERENCES organisations (id)
    )
    """,
    """
    CREATE INDEX ix_sites_organisation_id ON sites (organisation_id)
    """,
    """
    CREATE TABLE offers (
        id UUID NOT NULL,
        organisation_id UUID NOT NULL,
        site_id UUID NOT NULL,
        title VARCHAR NOT NULL,
        description VARCHAR NOT NULL,
        rhythm VARCHAR NOT NULL,
        state VARCHAR NOT NULL,
        external_id VARCHAR,
        version INTEGER NOT NULL,
        terms_version INTEGER NOT NULL,
        partitions INTEGER[] NOT NULL,
        latitude FLOAT NOT NULL,
        longitude FLOAT NOT NULL,
        department VARCHAR,
        district VARCHAR,
        published_at TIMESTAMP WITH TIME ZONE,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        material VARCHAR NOT NULL,
        quantity_amount NUMERIC NOT NULL,
        quantity_unit VARCHAR NOT NULL,
        quantity_kg NUMERIC NOT NULL,
        taken_kg NUMERIC NOT NULL,
        divisible BOOLEAN NOT NULL,
        minimum_lot_amount NUMERIC,
        minimum_lot_unit VARCHAR,
        minimum_lot_kg NUMERIC NOT NULL,
        price_amount NUMERIC,
        price_per VARCHAR,
        grade VARCHAR,
        available_from TIMESTAMP WITH TIME ZONE NOT NULL,
        available_until TIMESTAMP WITH TIME ZONE,
        fresh_until TIMESTAMP WITH TIME ZONE,
        lapsed_to_waste BOOLEAN NOT NULL,
        stated_facts JSONB NOT NULL,
        regime VARCHAR NOT NULL,
        regime_rule VARCHAR NOT NULL,
        regime_source VARCHAR NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT offers_organisation FOREIGN KEY(organisation_id) REFERENCES organisations (id),
        CONSTRAINT offers_site FOREIGN KEY(site_id) REFERENCES sites (id),
        CONSTRAINT offers_state_known CHECK (state in ('draft', 'published', 'withdrawn', 'lapsed', 'exhausted')),
        CONSTRAINT offers_rhythm_known CHECK (rhythm in ('one_off', 'recurring')),
        CONSTRAINT offers_external_id_once UNIQUE (organisation_id, external_id),
        CONSTRAINT offers_versions_grow CHECK (version >= 1 and terms_version between 1 and version),
        CONSTRAINT offers_published_once_out_of_draft CHECK ((state = 'draft') = (published_at is null)),
        CONSTRAINT offers_quantity_positive CHECK (quantity_amount > 0 and quantity_kg > 0),
        CONSTRAINT offers_never_oversold CHECK (taken_kg >= 0 and taken_kg <= quantity_kg),
        CONSTRAINT offers_minimum_lot_positive CHECK (minimum_lot_amount > 0),
        CONSTRAINT offers_window CHECK (available_until >= available_from),
        CONSTRAINT offers_grade_known CHECK (grade in ('A', 'B', 'C', 'D'))
    )
    """,
    """
    CREATE INDEX offers_mine ON offers (organisation_id, id)
    """,
    """
    CREATE INDEX offers_on_the_market ON offers (id) WHERE state = 'published'
    """,
    """
    CREATE INDEX offers_to_lapse ON offers (available_until) WHERE state = 'published'
    """,
    """
    CREATE INDEX offers_to_spoil ON offers (fresh_until) WHERE state = 'published'
    """,
    """
    CREATE TABLE sessions (
        id UUID NOT NULL,
        person_id UUID NOT NULL,
        refresh_hash BYTEA NOT NULL,
        previous_hash BYTEA,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        ended_at TIMESTAMP WITH TIME ZONE,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT sessions_refresh_once UNIQUE (refresh_hash),
        CONSTRAINT sessions_person FOREIGN KEY(person_id) REFERENCES people (id)
    )
    """,
    """
    CREATE INDEX ix_sessions_person_id ON sessions (person_id)
    """,
    """
    CREATE INDEX ix_sessions_previous_hash ON sessions (previous_hash)
    """,
    """
    CREATE TABLE wants (
        id UUID NOT NULL,
        organisation_id UUID NOT NULL,
        site_id UUID NOT NULL,
        title VARCHAR NOT NULL,
        description VARCHAR NOT NULL,
        rhythm VARCHAR NOT NULL,
        state VARCHAR NOT NULL,
        external_id VARCHAR,
        version INTEGER NOT NULL,
        terms_version INTEGER NOT NULL,
        partitions INTEGER[] NOT NULL,
        latitude FLOAT NOT NULL,
        longitude FLOAT NOT NULL,
        department VARCHAR,
        district VARCHAR,
        published_at TIMESTAMP WITH TIME ZONE,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        accepts JSONB NOT NULL,
        minimum_amount NUMERIC NOT NULL,
        minimum_unit VARCHAR NOT NULL,
        minimum_kg NUMERIC NOT NULL,
        maximum_amount NUMERIC,
        maximum_unit VARCHAR,
        maximum_kg NUMERIC,
        agreed_kg NUMERIC NOT NULL,
        accept_partial BOOLEAN NOT NULL,
        radius_km FLOAT NOT NULL,
        max_price_amount NUMERIC,
        max_price_per VARCHAR,
        min_grade VARCHAR,
        needed_from TIMESTAMP WITH TIME ZONE NOT NULL,
        needed_until TIMESTAMP WITH TIME ZONE,
        PRIMARY KEY (id),
        CONSTRAINT wants_organisation FOREIGN KEY(organisation_id) REFERENCES organisations (id),
        CONSTRAINT wants_site FOREIGN KEY(site_id) REFERENCES sites (id),
        CONSTRAINT wants_state_known CHECK (state in ('draft', 'published', 'withdrawn', 'lapsed', 'satisfied')),
        CONSTRAINT wants_rhythm_known CHECK (rhythm in ('one_off', 'recurring')),
        CONSTRAINT wants_external_id_once UNIQUE (organisation_id, external_id),
        CONSTRAINT wants_versions_grow CHECK (version >= 1 and terms_version between 1 and version),
        CONSTRAINT wants_published_once_out_of_draft CHECK ((state = 'draft') = (published_at is null)),
        CONSTRAINT wants_minimum_positive CHECK (minimum_amount > 0 and minimum_kg > 0),
        CONSTRAINT wants_minimum_within_maximum CHECK (minimum_kg <= maximum_kg),
        CONSTRAINT wants_never_overfilled CHECK (agreed_kg >= 0 and agreed_kg <= maximum_kg),
        CONSTRAINT wants_radius_positive CHECK (radius_km > 0),
        CONSTRAINT wants_window CHECK (needed_until >= needed_from),
        CONSTRAINT wants_min_grade_known CHECK (min_grade in ('A', 'B', 'C', 'D'))
    )
    """,
    """
    CREATE INDEX wants_mine ON wants (organisation_id, id)
    """,
    """
    CREATE INDEX wants_on_the_market ON wants (id) WHERE state = 'published'
    """,
    """
    CREATE INDEX wants_to_lapse ON wants (needed_until) WHERE state = 'published'
    """,
    """
    CREATE TABLE deals (
        id UUID NOT NULL,
        offer_id UUID NOT NULL,
        want_id UUID NOT NULL,
        holder_id UUID NOT NULL,
        seeker_id UUID NOT NULL,
        material VARCHAR NOT NULL,
        state VARCHAR NOT NULL,
        holder_kg NUMERIC,
        seeker_kg NUMERIC,
        quantity_kg NUMERIC,
        offer_less_kg NUMERIC NOT NULL,
        want_more_kg NUMERIC NOT NULL,
        answered_by UUID,
        reason VARCHAR,
        version INTEGER NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT deals_one_a_pair UNIQUE (offer_id, want_id),
        CONSTRAINT deals_offer FOREIGN KEY(offer_id) REFERENCES offers (id),
        CONSTRAINT deals_want FOREIGN KEY(want_id) REFERENCES wants (id),
        CONSTRAINT deals_state_known CHECK (state in ('open', 'offered', 'agreed', 'declined', 'released')),
        CONSTRAINT deals_two_sides CHECK (holder_id <> seeker_id),
        CONSTRAINT deals_quantities_positive CHECK (holder_kg > 0 and seeker_kg > 0 and quantity_kg > 0),
        CONSTRAINT deals_answers_fit_state CHECK (case state when 'agreed' then quantity_kg is not null and holder_kg is not null
            and seeker_kg is not null when 'offered' then (holder_kg is null) <> (seeker_kg is null) when 'released' then true else
            holder_kg is null and seeker_kg is null end)
    )
    """,
    """
    CREATE INDEX ix_deals_holder_id ON deals (holder_id)
    """,
    """
    CREATE INDEX ix_deals_seeker_id ON deals (seeker_id)
    """,
    """
    CREATE INDEX ix_deals_want_id ON deals (want_id)
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    create_outbox(op)
    op.execute(IDEMPOTENCY)


def downgrade() -> None:
    op.execute("drop table idempotency")
    drop_outbox(op)
    for table in TABLES:
        op.execute(f"drop table {table}")
