#!lua flags=no-writes
-- One page of documents: sort, document, sort, document, …
--   KEYS: the order of the partition, the start of its documents' keys
--   ARGV: verb, first bound, second bound, limit
local found = {}
for _, sort in ipairs(redis.call(ARGV[1], KEYS[1], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])) do
    found[#found + 1] = sort
    found[#found + 1] = redis.call('GET', KEYS[2] .. sort)
end
return found
