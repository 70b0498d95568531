-- What was delivered, as it came. Insert-only; whole months are dropped when their time is over.
CREATE SEQUENCE inbox_number AS bigint;

CREATE TABLE inbox_event (
    number       bigint NOT NULL DEFAULT nextval('inbox_number'),
    received_at  timestamptz NOT NULL,
    source       text NOT NULL,
    type         text NOT NULL,
    subject      text,          -- as delivered; NULL when the type or the record could not be recognised
    unit         text,          -- the unit of work that was marked
    member       text,
    flow         text,
    side         text,
    dedupe_key   bytea NOT NULL,
    duplicate    boolean NOT NULL,
    headers      jsonb NOT NULL,
    body         bytea NOT NULL,
    PRIMARY KEY (number, received_at)
) PARTITION BY RANGE (received_at);
-- Nothing is ever refused for want of a month.
CREATE TABLE inbox_event_rest PARTITION OF inbox_event DEFAULT;
-- The deliveries of one record, newest first.
CREATE INDEX inbox_event_subject ON inbox_event (subject, number);
CREATE INDEX inbox_event_member ON inbox_event (member, number) WHERE member IS NOT NULL;

-- Unpartitioned, since a key must stay unique across months and outlive the bodies.
CREATE TABLE inbox_key (
    dedupe_key    bytea PRIMARY KEY CHECK (octet_length(dedupe_key) = 32),
    first_number  bigint NOT NULL,
    first_at      timestamptz NOT NULL
);

-- How what was delivered ended. A delivery's end is the first row under one of its names at or after its number.
CREATE TABLE settlement (
    number         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject        text NOT NULL,
    up_to_event    bigint NOT NULL,
    disposition    text NOT NULL CHECK (disposition IN ('applied', 'failed', 'unchanged', 'ignored', 'parked', 'would_apply')),
    reason         text NOT NULL,
    params         jsonb NOT NULL DEFAULT '{}',
    operation_ids  uuid[] NOT NULL DEFAULT '{}',
    at             timestamptz NOT NULL DEFAULT app_now()
);
-- Finding a delivery's end, and a record's story.
CREATE INDEX settlement_subject ON settlement (subject, number);

-- Deliveries: [{source, type, subject, flow, side, sides, member, key, headers, body, received_at, reason}], key and body in base64.
-- Numbers are given out under one lock held to the commit: a lower number is never seen after a higher one, so "settled up
-- to number N" cannot cover a delivery that nobody had seen. A duplicate is labelled and still marks its record.
CREATE FUNCTION receive_many(p_deliveries jsonb) RETURNS bigint[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    now_ timestamptz := app_now();
    numbers bigint[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('csod_pipelines.receive_many', 0));
    WITH delivered AS MATERIALIZED (
        SELECT nextval('inbox_number') AS number, o.place, coalesce(d.received_at, now_) AS received_at, d.source, d.type,
               -- an index row holds 2,700 bytes; nobody's id is that long
               CASE WHEN length(d.subject) <= 512 AND d.flow IS NOT NULL THEN d.subject END AS subject,
               CASE WHEN length(d.member) <= 512 THEN d.member END AS member,
               d.flow, d.side, d.sides, decode(d.key, 'base64') AS key, coalesce(d.headers, '{}') AS headers,
               decode(d.body, 'base64') AS body, coalesce(d.reason, 'unknown_type') AS reason
        FROM jsonb_array_elements(p_deliveries) WITH ORDINALITY AS o (value, place)
        CROSS JOIN LATERAL jsonb_to_record(o.value) AS d (source text, type text, subject text, flow text, side text, sides int,
            member text, key text, headers jsonb, body text, received_at timestamptz, reason text)
    ), given AS MATERIALIZED (
        SELECT d.*, u.unit FROM delivered d CROSS JOIN LATERAL work_units(ARRAY[d.subject]) AS u (key, unit)
    ), keyed AS (
        INSERT INTO inbox_key (dedupe_key, first_number, first_at)
        SELECT DISTINCT ON (key) key, number, received_at FROM given ORDER BY key, number
        ON CONFLICT (dedupe_key) DO NOTHING
        RETURNING first_number
    ), stored AS (
        INSERT INTO inbox_event (number, received_at, source, type, subject, unit, member, flow, side, dedupe_key, duplicate, headers, body)
        SELECT g.number, g.received_at, g.source, g.type, g.subject, g.unit, g.member, g.flow, g.side, g.key,
               g.number NOT IN (SELECT first_number FROM keyed), g.headers, g.body
        FROM given g
    ), ignored AS (
        INSERT INTO settlement (subject, up_to_event, disposition, reason, params)
        SELECT 'event:' || number, number, 'ignored', reason, jsonb_build_object('type', type) FROM given WHERE subject IS NULL
    ), marks AS (
        SELECT coalesce(jsonb_agg(jsonb_build_object('subject', unit, 'flow', flow, 'sides', coalesce(sides, 3),
                   'event', number, 'member', member, 'delay', 0)), '[]') AS list
        FROM given WHERE subject IS NOT NULL
    )
    SELECT array_agg(g.number ORDER BY g.place) INTO numbers FROM given g, (SELECT mark_work(list) FROM marks) AS done;
    RETURN coalesce(numbers, '{}');
END $$;

-- Which numbers ended how. One row a delivery; 'waiting' is not settled yet.
CREATE VIEW inbox_disposition AS
    SELECT e.number, e.received_at, e.source, e.type, e.subject, e.unit, e.member, e.duplicate,
           coalesce(s.disposition, CASE WHEN w.parked_reason IS NOT NULL THEN 'parked' ELSE 'waiting' END) AS disposition,
           coalesce(s.reason, w.parked_reason, w.reason) AS reason, coalesce(s.params, w.parked_params, '{}') AS params,
           s.at AS settled_at, coalesce(s.operation_ids, '{}') AS operation_ids
    FROM inbox_event e
    LEFT JOIN LATERAL (
        SELECT x.* FROM settlement x
        WHERE x.subject IN (e.subject, e.unit, e.member, 'event:' || e.number) AND x.up_to_event >= e.number
        ORDER BY x.number LIMIT 1
    ) s ON true
    LEFT JOIN work w ON w.subject = coalesce(e.unit, e.subject);

-- What the gateway may know of the house: enough for its health page, nothing of any record.
CREATE FUNCTION gateway_status() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH RECURSIVE flows AS (   -- the distinct flows by skipping through the index, not by reading the backlog
        (SELECT flow FROM work WHERE parked_reason IS NULL ORDER BY flow LIMIT 1)
        UNION ALL
        SELECT (SELECT w.flow FROM work w WHERE w.parked_reason IS NULL AND w.flow > f.flow ORDER BY w.flow LIMIT 1)
        FROM flows f WHERE f.flow IS NOT NULL
    ), front AS (
        SELECT w.first_seen FROM flows f CROSS JOIN LATERAL (
            SELECT first_seen FROM work WHERE flow = f.flow AND parked_reason IS NULL AND ready_at <= app_now()
            ORDER BY ready_at LIMIT 10000) w
    )
    SELECT jsonb_build_object(
        'ready', (SELECT count(*) FROM front),
        'oldest_unsettled_seconds', (SELECT extract(epoch FROM app_now() - min(first_seen)) FROM front),
        'parked', (SELECT count(*) FROM work WHERE parked_reason IS NOT NULL),
        'last_event_at', (SELECT received_at FROM inbox_event ORDER BY number DESC LIMIT 1),
        'schema_version', (SELECT version_num FROM alembic_version))
$$;
