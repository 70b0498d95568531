-- The one clock of the engine: leases, retries and waiting are compared with it and with nothing else. A simulation
-- sets csod.now for its transaction; then the whole database lives in its virtual time.
CREATE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(current_setting('csod.now', true), '')::timestamptz, clock_timestamp())
$$;
