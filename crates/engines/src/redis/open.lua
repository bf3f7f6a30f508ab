#!lua
-- Makes a place ours, once, and says what it is: its schema and its name.
--   KEYS: the record of the place, a value, a sorted set, a hash: the last three only for a moment
--   ARGV: the schema of a new place, a new name
--
-- Each command of the other scripts is run here too: one that this account may not run must fail now and not in
-- the middle of a commit, since nothing rolls back what a script wrote before.
redis.call('SET', KEYS[2], '')
redis.call('GETRANGE', KEYS[2], 0, 15)
redis.call('EXISTS', KEYS[2])
redis.call('GET', KEYS[2])
redis.call('MGET', KEYS[2])
redis.call('DEL', KEYS[2])
redis.call('ZADD', KEYS[3], 0, 'x')
redis.call('ZCARD', KEYS[3])
redis.call('ZRANGEBYLEX', KEYS[3], '-', '+')
redis.call('ZREVRANGEBYLEX', KEYS[3], '+', '-')
redis.call('ZREM', KEYS[3], 'x')
redis.call('HINCRBY', KEYS[4], 'x', 1)
redis.call('HSET', KEYS[4], 'x', 1)
redis.call('HGET', KEYS[4], 'x')
redis.call('HLEN', KEYS[4])
redis.call('DEL', KEYS[4])

if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('HSET', KEYS[1], 'schema', ARGV[1], 'place', ARGV[2])
end
return redis.call('HMGET', KEYS[1], 'schema', 'place')
