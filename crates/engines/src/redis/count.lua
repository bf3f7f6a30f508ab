#!lua
-- Adds to counters, all together.
--   KEYS: two for each partition: its counters, their order
--   ARGV: three for each delta: which partition, sort, delta
for i = 1, #KEYS, 2 do
    redis.call('HLEN', KEYS[i])
    redis.call('ZCARD', KEYS[i + 1])
end
for i = 1, #ARGV, 3 do
    local part, sort, delta = tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 2]
    local sum = redis.pcall('HINCRBY', KEYS[part], sort, delta)
    if type(sum) == 'table' then
        if not string.find(sum.err, 'overflow') then return sum end
        local most = string.sub(delta, 1, 1) == '-' and '-9223372036854775808' or '9223372036854775807'
        redis.call('HSET', KEYS[part], sort, most)
    elseif sum == tonumber(delta) then
        -- A new one: it started at zero.
        redis.call('ZADD', KEYS[part + 1], 0, sort)
    end
end
return 1
