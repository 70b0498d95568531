-- What the house itself must remember.
CREATE TABLE lease (
    name        text PRIMARY KEY,
    owner       text NOT NULL,
    until       timestamptz NOT NULL,
    acquired_at timestamptz NOT NULL
);

-- One row a rate limit. Processes take tokens in chunks, so the row is written a few times a window, not once a call.
CREATE TABLE limit_bucket (
    name            text PRIMARY KEY,
    window_start    timestamptz NOT NULL,
    used            float8 NOT NULL DEFAULT 0,
    live_at         timestamptz,              -- when somebody last asked for a person's sake; batches leave a reserve while that is fresh
    blocked_until   timestamptz,
    factor          float8 NOT NULL DEFAULT 1,
    factor_until    timestamptz,
    vendor_offset   float8 NOT NULL DEFAULT 0 -- seconds by which the vendor's clock is ahead of ours
) WITH (fillfactor = 50);

CREATE TABLE checkpoint (
    name        text PRIMARY KEY,
    value       jsonb NOT NULL,
    next_due    timestamptz,
    updated_at  timestamptz NOT NULL DEFAULT app_now()
);

-- What people decided: modes, pauses, released brakes, going live. The newest row that has not expired counts.
CREATE TABLE control (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name     text NOT NULL,
    value    jsonb NOT NULL,
    who      text NOT NULL,
    why      text NOT NULL,
    at       timestamptz NOT NULL DEFAULT app_now(),
    expires  timestamptz
);
CREATE INDEX control_name ON control (name, number);  -- the newest decision of a name

-- Both sides of a comparison, copied in whole. A crash may empty it: the run that filled it fills it again.
CREATE UNLOGGED TABLE stage (
    run          text NOT NULL,
    kind         text NOT NULL,
    system       text NOT NULL,
    id           text NOT NULL,
    parent_id    text,
    digest       bytea NOT NULL,
    payload      jsonb NOT NULL
);
-- Joining the two sides by id; loaded by COPY, so the one index is all that is paid for.
CREATE INDEX stage_record ON stage (run, kind, system, id);

-- The months to come, for every table that is dropped by months. Rows that came early into the rest stay there.
CREATE FUNCTION ensure_partitions() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month timestamptz;
    parent text;
    taken boolean;
    made int := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('csod_pipelines.partitions', 0));
    FOREACH parent IN ARRAY ARRAY['inbox_event', 'exchange_body'] LOOP
        FOR ahead IN 0..2 LOOP
            month := date_trunc('month', app_now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + make_interval(months => ahead);
            CONTINUE WHEN to_regclass(format('public.%I', parent || to_char(month AT TIME ZONE 'UTC', '_YYYY_MM'))) IS NOT NULL;
            EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I WHERE %I >= $1 AND %2$I < $1 + interval ''1 month'')',
                parent || '_rest', CASE parent WHEN 'inbox_event' THEN 'received_at' ELSE 'at' END) INTO taken USING month;
            CONTINUE WHEN taken;
            EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                parent || to_char(month AT TIME ZONE 'UTC', '_YYYY_MM'), parent, month, month + interval '1 month');
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

-- Drop the months that ended more than so many days ago. Keys, settlements and the ledger itself stay.
CREATE FUNCTION drop_expired(p_inbox_days int, p_body_days int) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    child record;
    dropped text[] := '{}';
BEGIN
    IF least(p_inbox_days, p_body_days) < 1 THEN
        RAISE EXCEPTION 'retention is counted in days, at least 1';
    END IF;
    FOR child IN
        SELECT c.relname AS name, p.relname AS parent FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
        WHERE p.relname IN ('inbox_event', 'exchange_body') AND p.relnamespace = 'public'::regnamespace AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
    LOOP
        IF to_date(right(child.name, 7), 'YYYY_MM') + interval '1 month' + make_interval(days =>
            CASE child.parent WHEN 'inbox_event' THEN p_inbox_days ELSE p_body_days END) < app_now() AT TIME ZONE 'UTC' THEN
            EXECUTE format('DROP TABLE %I', child.name);
            dropped := dropped || child.name::text;
        END IF;
    END LOOP;
    -- what came outside every month
    DELETE FROM inbox_event_rest WHERE received_at < app_now() - make_interval(days => p_inbox_days);
    DELETE FROM exchange_body_rest WHERE at < app_now() - make_interval(days => p_body_days);
    RETURN dropped;
END $$;
