-- Schema 1: documents, counters, and the two functions that write them.

CREATE TABLE holdfast_doc (
    part text COLLATE "C" NOT NULL,
    sort text COLLATE "C" NOT NULL,
    rev bigint NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (part, sort)
);

CREATE TABLE holdfast_counter (
    part text COLLATE "C" NOT NULL,
    sort text COLLATE "C" NOT NULL,
    n bigint NOT NULL,
    PRIMARY KEY (part, sort)
);

-- One batch in one round trip. The operations come in key order, so that batches never wait for each other
-- in a circle; each guard locks its row until the end of the transaction, which is what makes READ COMMITTED
-- enough. False means that a guard did not hold and nothing was written.
--
-- A letter of `kinds` is an operation: create, update, delete, require, put, remove.
CREATE FUNCTION holdfast_commit_1(
    parts text[], sorts text[], kinds text, revs bigint[], bodies text[], new_rev bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    kind text;
    touched bigint;
BEGIN
    PERFORM holdfast_durable_1();
    BEGIN
        FOR i IN 1 .. cardinality(parts) LOOP
            kind := substr(kinds, i, 1);
            CASE kind
                WHEN 'c' THEN
                    INSERT INTO holdfast_doc (part, sort, rev, body)
                    VALUES (parts[i], sorts[i], new_rev, bodies[i]) ON CONFLICT DO NOTHING;
                WHEN 'u' THEN
                    UPDATE holdfast_doc SET rev = new_rev, body = bodies[i]
                    WHERE part = parts[i] AND sort = sorts[i] AND rev = revs[i];
                WHEN 'd' THEN
                    DELETE FROM holdfast_doc
                    WHERE part = parts[i] AND sort = sorts[i] AND rev = revs[i];
                WHEN 'r' THEN
                    PERFORM 1 FROM holdfast_doc
                    WHERE part = parts[i] AND sort = sorts[i] AND rev = revs[i] FOR SHARE;
                WHEN 'p' THEN
                    INSERT INTO holdfast_doc (part, sort, rev, body)
                    VALUES (parts[i], sorts[i], new_rev, bodies[i])
                    ON CONFLICT (part, sort) DO UPDATE SET rev = excluded.rev, body = excluded.body;
                WHEN 'x' THEN
                    DELETE FROM holdfast_doc WHERE part = parts[i] AND sort = sorts[i];
            END CASE;
            GET DIAGNOSTICS touched = ROW_COUNT;
            IF touched <> 1 AND kind <> 'x' THEN
                RAISE EXCEPTION 'a guard did not hold' USING ERRCODE = 'HF001';
            END IF;
        END LOOP;
    EXCEPTION WHEN SQLSTATE 'HF001' THEN
        -- Caught here, so that what happens every day is no error in the server's log.
        RETURN false;
    END;
    RETURN true;
END
$$;

-- Adds to counters. Each key comes once, in order.
CREATE FUNCTION holdfast_count_1(parts text[], sorts text[], deltas bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM holdfast_durable_1();
    FOR i IN 1 .. cardinality(parts) LOOP
        INSERT INTO holdfast_counter (part, sort, n) VALUES (parts[i], sorts[i], deltas[i])
        ON CONFLICT (part, sort) DO UPDATE SET n = holdfast_counter.n + excluded.n;
    END LOOP;
END
$$;

-- For this transaction only, so that it holds behind a pooler too: the commit is synced before it is
-- acknowledged, and waiting for a lock ends before the caller gives up.
CREATE FUNCTION holdfast_durable_1() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    PERFORM set_config('lock_timeout', '8s', true);
END
$$;
