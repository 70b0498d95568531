-- The record of what was done to whom, and why. Insert-only: a crash leaves an operation without an outcome, never a wrong one.
-- JSON columns are text: digests are taken over their bytes, which jsonb would not keep.
CREATE TABLE operation (
    id                  uuid PRIMARY KEY,
    number              bigint GENERATED ALWAYS AS IDENTITY,
    at                  timestamptz NOT NULL DEFAULT app_now(),
    subject             text NOT NULL,
    kind                text NOT NULL,
    action              text NOT NULL,
    flow                text NOT NULL,
    system              text NOT NULL,   -- the side that is written
    run_id              text NOT NULL DEFAULT '',
    cause               text NOT NULL DEFAULT '{}',
    administrate_type   text,
    administrate_id     text,
    administrate_url    text,
    cornerstone_type    text,
    cornerstone_id      text,
    cornerstone_url     text,
    intent_digest       bytea NOT NULL,  -- of salt and intent: proves the intent while it is kept, reveals nothing after
    marker              text NOT NULL,
    settle_after        timestamptz,
    brake               text,            -- deactivations, withdrawals or moves: what a brake counts
    brake_unit          text             -- counted once: the record, or the offering whose cancellation withdraws many
);
CREATE INDEX operation_subject ON operation (subject, number);                -- what is open of a unit, before anything else is tried
CREATE INDEX operation_administrate ON operation (administrate_id, number);   -- the story of one record, from either end
CREATE INDEX operation_cornerstone ON operation (cornerstone_id, number);
CREATE INDEX operation_run ON operation (run_id, number);                     -- the totals of one run
CREATE INDEX operation_at ON operation (at);                                  -- the log by day, and what has aged
CREATE INDEX operation_braked ON operation (brake, kind, at) WHERE brake IS NOT NULL;  -- what a brake counts in the last hour

-- What was meant to be sent, with people's names in it; deletable, unlike its digest.
CREATE TABLE operation_intent (
    operation_id  uuid PRIMARY KEY,
    salt          bytea NOT NULL,
    intent        bytea NOT NULL
);

-- The last row of an operation counts: 'unknown' is followed by what was found out.
CREATE TABLE operation_outcome (
    number           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    operation_id     uuid NOT NULL,
    at               timestamptz NOT NULL DEFAULT app_now(),
    outcome          text NOT NULL CHECK (outcome IN ('success', 'partial', 'failure', 'unknown', 'would_apply', 'not_sent')),
    reason           text NOT NULL,
    params           text NOT NULL DEFAULT '{}',
    detail           text NOT NULL DEFAULT '',
    administrate_id  text,   -- ids that only the answer told
    cornerstone_id   text,
    status           text
);
CREATE INDEX operation_outcome_operation ON operation_outcome (operation_id, number);  -- the last word on an operation
CREATE INDEX operation_outcome_administrate ON operation_outcome (administrate_id) WHERE administrate_id IS NOT NULL;
CREATE INDEX operation_outcome_cornerstone ON operation_outcome (cornerstone_id) WHERE cornerstone_id IS NOT NULL;
CREATE INDEX operation_outcome_open ON operation_outcome (operation_id) WHERE outcome IN ('failure', 'partial');  -- what stands to be mended

-- One row an HTTP call, committed before it is sent; its id travels as X-Request-Id.
CREATE TABLE exchange (
    id         uuid PRIMARY KEY,
    number     bigint GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL DEFAULT app_now(),
    system     text NOT NULL,
    method     text NOT NULL,
    url        text NOT NULL,
    operation  text NOT NULL,   -- the vendor's name of the call
    bytes      int NOT NULL,
    digest     bytea            -- salted with exchange_body.salt
);
CREATE INDEX exchange_at ON exchange (at);  -- the calls of an hour, and what has aged

CREATE TABLE exchange_operation (
    operation_id  uuid NOT NULL,
    exchange_id   uuid NOT NULL,
    PRIMARY KEY (operation_id, exchange_id)
);
-- From a call to what it was for: which bodies a person's erasure concerns.
CREATE INDEX exchange_operation_exchange ON exchange_operation (exchange_id);

CREATE TABLE exchange_outcome (
    exchange_id  uuid PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT app_now(),
    status       int,
    seconds      float8 NOT NULL,
    error        text,
    bytes        int NOT NULL,
    digest       bytea
);

CREATE TABLE exchange_body (
    exchange_id  uuid NOT NULL,
    part         text NOT NULL CHECK (part IN ('request', 'answer')),
    at           timestamptz NOT NULL,
    salt         bytea NOT NULL,
    body         bytea NOT NULL,
    PRIMARY KEY (exchange_id, part, at)
) PARTITION BY RANGE (at);
CREATE TABLE exchange_body_rest PARTITION OF exchange_body DEFAULT;

-- Erase what was sent and received about one record: its bodies and intents, and the images of pairs of it that have ended. Digests
-- and ids stay and go on verifying. A pair that stands keeps its images: without them every field would count as changed.
CREATE FUNCTION forget_person(p_administrate_id text, p_cornerstone_id text) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    concerned uuid[];
    erased int;
BEGIN
    SELECT array_agg(DISTINCT id) INTO concerned FROM (
        SELECT id FROM operation WHERE administrate_id = p_administrate_id OR cornerstone_id = p_cornerstone_id
        UNION
        SELECT operation_id FROM operation_outcome WHERE administrate_id = p_administrate_id OR cornerstone_id = p_cornerstone_id
    ) AS o (id);
    DELETE FROM exchange_body WHERE exchange_id IN (
        SELECT exchange_id FROM exchange_operation WHERE operation_id = ANY (concerned));
    GET DIAGNOSTICS erased = ROW_COUNT;
    DELETE FROM operation_intent WHERE operation_id = ANY (concerned);
    DELETE FROM image i USING link l WHERE l.id = i.link_id AND l.kind = 'person' AND l.state = 'tombstone'
        AND (l.administrate_id = p_administrate_id OR l.cornerstone_id = p_cornerstone_id);
    RETURN erased;
END $$;
