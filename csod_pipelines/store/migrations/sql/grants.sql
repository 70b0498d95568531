-- Who may do what; run after every migration. The role names stand in braces.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO {engine}, {gateway}, {auditor};

-- The engine works freely on what it can rebuild ...
GRANT SELECT ON ALL TABLES IN SCHEMA public TO {engine};
GRANT SELECT, INSERT, UPDATE, DELETE ON work, work_member, link, image, lease, limit_bucket, checkpoint TO {engine};
GRANT SELECT, INSERT, DELETE, TRUNCATE ON stage TO {engine};
-- ... and can only add to what others must be able to rely on.
GRANT INSERT ON operation, operation_intent, operation_outcome, exchange, exchange_operation, exchange_outcome, exchange_body,
    settlement, inbox_event, inbox_key, control TO {engine};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {engine};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {engine};
-- Erasing is the owner's alone.
REVOKE EXECUTE ON FUNCTION forget_person(text, text) FROM {engine};

-- The gateway faces the internet: two functions, no table.
GRANT EXECUTE ON FUNCTION receive_many(jsonb), gateway_status() TO {gateway};
REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;

GRANT SELECT ON ALL TABLES IN SCHEMA public TO {auditor};
GRANT EXECUTE ON FUNCTION app_now(), subject_names(text[]) TO {auditor};
