#!lua
-- All of a batch or none of it: 1 when it was written, 0 when a guard did not hold.
--   KEYS: two for each operation: the document, the order of its partition
--   ARGV: the new revision, then four for each operation: verb, revision that must be there, sort, body
--
-- Nothing rolls back what a script wrote, so everything that can fail is looked at first. Full memory, a
-- replica and a failed disk refuse the script before it begins.
local seen
for i = 1, #KEYS, 2 do
    local verb, guard = ARGV[2 * i], ARGV[2 * i + 1]
    if verb == 'create' then
        if redis.call('EXISTS', KEYS[i]) == 1 then return 0 end
    elseif guard ~= '' then
        if redis.call('GETRANGE', KEYS[i], 0, 15) ~= guard then return 0 end
    end
    -- Fails if that key holds something else than a sorted set.
    if KEYS[i + 1] ~= seen then
        seen = KEYS[i + 1]
        redis.call('ZCARD', seen)
    end
end
for i = 1, #KEYS, 2 do
    local verb, sort, body = ARGV[2 * i], ARGV[2 * i + 2], ARGV[2 * i + 3]
    if verb == 'delete' then
        redis.call('DEL', KEYS[i])
        redis.call('ZREM', KEYS[i + 1], sort)
    elseif verb ~= 'require' then
        redis.call('SET', KEYS[i], ARGV[1] .. body)
        if verb ~= 'update' then redis.call('ZADD', KEYS[i + 1], 0, sort) end
    end
end
return 1
