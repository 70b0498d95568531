-- One row a record that somebody must look at. The row is a flag, not an event: marking it twice is marking it once.
-- Sides are bits: 1 = the hint came from Administrate, 2 = from Cornerstone.
CREATE SEQUENCE work_fence AS bigint CACHE 1;

CREATE TABLE work (
    subject          text PRIMARY KEY,
    flow             text NOT NULL,
    version          bigint NOT NULL DEFAULT 1,      -- raised by every mark; done clears only the version it began with
    fence            bigint NOT NULL DEFAULT 0,      -- from work_fence, so that a row made anew never repeats an old token
    sides            smallint NOT NULL,
    late_sides       smallint NOT NULL DEFAULT 0,    -- of marks that came while the row was leased
    up_to_event      bigint NOT NULL DEFAULT 0,
    first_seen       timestamptz NOT NULL,
    late_first_seen  timestamptz,
    ready_at         timestamptz NOT NULL,           -- not before; while leased the end of the lease
    owner            text,
    lease_until      timestamptz,
    attempts         int NOT NULL DEFAULT 0,
    waits_for        text[],
    reason           text,                           -- why it waits
    parked_at        timestamptz,
    parked_reason    text,
    parked_params    jsonb
) WITH (
    -- Few rows that change all the time: leave room on the page, and clean by count rather than by share.
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0
);

-- The claim: the front of one flow in order of readiness, read by position, so its time does not depend on what waits behind.
CREATE INDEX work_ready ON work (flow, ready_at, subject) WHERE parked_reason IS NULL;
-- Waking what waited for a prerequisite. No pending list: a wake must not pay for earlier insertions.
CREATE INDEX work_waits_for ON work USING gin (waits_for) WITH (fastupdate = off) WHERE waits_for IS NOT NULL;
-- Who drains a flow now; holds the leased rows alone.
CREATE INDEX work_leased ON work (flow, lease_until) WHERE owner IS NOT NULL;
-- The list of parked records and their count.
CREATE INDEX work_parked ON work (flow, parked_at) WHERE parked_reason IS NOT NULL;

-- Whom of a larger unit (learners of a roster) the marks were about.
CREATE TABLE work_member (
    unit         text NOT NULL,
    member       text NOT NULL,
    version      bigint NOT NULL,   -- the unit's version at the last mark of this member
    up_to_event  bigint NOT NULL,
    sides        smallint NOT NULL,
    PRIMARY KEY (unit, member)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

-- The units of work behind record keys: a key's link where it has one, a roster's name at Administrate, else the key itself.
-- Enrollments are handled with their roster and are never resolved. Row by row over an index, whatever the statistics say.
CREATE FUNCTION work_units(p_subjects text[]) RETURNS TABLE (subject text, unit text) LANGUAGE sql STABLE AS $$
    SELECT s.subject, coalesce('link:' || a.id, 'link:' || c.id, 'roster:administrate:' || o.administrate_id, s.subject)
    FROM (
        SELECT k.subject, split_part(k.subject, ':', 1) AS kind, split_part(k.subject, ':', 2) AS system,
               substr(k.subject, length(split_part(k.subject, ':', 1)) + length(split_part(k.subject, ':', 2)) + 3) AS id
        FROM unnest(p_subjects) AS k (subject)
    ) AS s
    LEFT JOIN LATERAL (
        SELECT l.id FROM link l
        WHERE s.system = 'administrate' AND s.kind <> 'enrollment' AND l.kind = s.kind AND l.administrate_id = s.id
          AND l.state <> 'tombstone' AND l.state IN ('live', 'pending') LIMIT 1) AS a ON true
    LEFT JOIN LATERAL (
        SELECT l.id FROM link l
        WHERE s.system = 'cornerstone' AND s.kind <> 'enrollment' AND l.kind = s.kind AND l.cornerstone_id = s.id
          AND l.state <> 'tombstone' AND l.state IN ('live', 'pending') LIMIT 1) AS c ON true
    LEFT JOIN LATERAL (
        SELECT l.administrate_id FROM link l
        WHERE s.system = 'cornerstone' AND s.kind = 'roster' AND l.kind = 'offering' AND l.cornerstone_id = s.id
          AND l.state <> 'tombstone' AND l.state IN ('live', 'pending') LIMIT 1) AS o ON true
$$;

CREATE FUNCTION work_unit(p_subject text) RETURNS text LANGUAGE sql STABLE
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
    SELECT unit FROM work_units(ARRAY[p_subject])
$$;

-- Marks: [{subject, flow, sides, event, member, delay}]. Returns the number of units touched.
-- Rows are taken in the order of their names, so that two markers of the same records queue up instead of deadlocking.
CREATE FUNCTION mark_work(p_marks jsonb) RETURNS int LANGUAGE sql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
    WITH moment AS MATERIALIZED (SELECT app_now() AS now),
    given AS MATERIALIZED (
        SELECT u.unit, m.*
        FROM jsonb_to_recordset(p_marks) AS m (subject text, flow text, sides int, event bigint, member text, delay float8)
        CROSS JOIN LATERAL work_units(ARRAY[m.subject]) AS u (key, unit)
    ), units AS (
        SELECT unit, min(flow) AS flow, bit_or(sides)::smallint AS sides, max(event) AS event, min(delay) AS delay
        FROM given GROUP BY unit
    ), marked AS (
        INSERT INTO work AS w (subject, flow, sides, up_to_event, first_seen, ready_at)
        SELECT u.unit, u.flow, u.sides, u.event, m.now, m.now + make_interval(secs => u.delay) FROM units u, moment m ORDER BY u.unit
        ON CONFLICT (subject) DO UPDATE SET
            version = w.version + 1,
            up_to_event = greatest(w.up_to_event, excluded.up_to_event),
            sides = CASE WHEN w.lease_until > excluded.first_seen THEN w.sides ELSE w.sides | excluded.sides END,
            late_sides = CASE WHEN w.lease_until > excluded.first_seen THEN w.late_sides | excluded.sides ELSE w.late_sides END,
            late_first_seen = CASE WHEN w.lease_until > excluded.first_seen
                THEN coalesce(w.late_first_seen, excluded.first_seen) ELSE w.late_first_seen END,
            ready_at = CASE WHEN w.lease_until > excluded.first_seen THEN w.ready_at ELSE least(w.ready_at, excluded.ready_at) END,
            waits_for = NULL,
            reason = CASE WHEN w.parked_reason IS NULL THEN NULL ELSE w.reason END
        RETURNING w.subject, w.version
    ), membered AS (
        INSERT INTO work_member AS wm (unit, member, version, up_to_event, sides)
        SELECT g.unit, g.member, max(k.version), max(g.event), bit_or(g.sides)::smallint
        FROM given g JOIN marked k ON k.subject = g.unit WHERE g.member IS NOT NULL GROUP BY g.unit, g.member
        ON CONFLICT (unit, member) DO UPDATE SET
            version = excluded.version,
            up_to_event = greatest(wm.up_to_event, excluded.up_to_event),
            sides = wm.sides | excluded.sides
    )
    SELECT count(*)::int FROM marked
$$;

-- Lease up to p_limit units that are ready, the longest ready first. A lease that ran out makes its row ready again.
-- The settings pin the plan to work_ready: right after a burst the statistics call the table empty, and a plan made from
-- them sorts the whole backlog at every claim. (Here and elsewhere: a pinned plan can be kept, and planning takes longer than running.)
CREATE FUNCTION claim_work(p_flows text[], p_owner text, p_limit int, p_seconds float8)
RETURNS TABLE (subject text, flow text, version bigint, fence bigint, sides smallint, up_to_event bigint, first_seen timestamptz,
               attempts int, taken_over boolean)
LANGUAGE sql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
    WITH moment AS MATERIALIZED (SELECT app_now() AS now),
    due AS MATERIALIZED (
        SELECT front.subject, front.owner IS NOT NULL AS taken_over
        FROM unnest(p_flows) AS f (flow)
        CROSS JOIN LATERAL (
            SELECT w.subject, w.ready_at, w.owner FROM work w
            WHERE w.flow = f.flow AND w.parked_reason IS NULL AND w.ready_at <= (SELECT now FROM moment)
            ORDER BY w.ready_at, w.subject LIMIT p_limit FOR UPDATE SKIP LOCKED
        ) AS front
        ORDER BY front.ready_at, front.subject LIMIT p_limit
    )
    UPDATE work w SET
        owner = p_owner, fence = nextval('work_fence'),
        lease_until = m.now + make_interval(secs => p_seconds), ready_at = m.now + make_interval(secs => p_seconds),
        sides = w.sides | w.late_sides, late_sides = 0, late_first_seen = NULL, waits_for = NULL, reason = NULL,
        attempts = w.attempts + due.taken_over::int
    FROM due, moment m WHERE w.subject = due.subject
    RETURNING w.subject, w.flow, w.version, w.fence, w.sides, w.up_to_event, w.first_seen, w.attempts, due.taken_over
$$;

-- What waits for any of these under any of their names becomes ready.
CREATE FUNCTION wake_work(p_subjects text[]) RETURNS int LANGUAGE sql
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
    WITH woken AS (
        UPDATE work SET ready_at = least(ready_at, app_now()), waits_for = NULL, reason = NULL
        WHERE waits_for IS NOT NULL AND waits_for && ARRAY(SELECT subject_names(p_subjects))
        RETURNING 1
    ) SELECT count(*)::int FROM woken
$$;
