-- Gives the present number to tags that have none (never bumped here, expired, evicted).
-- KEYS[1] ch:{c}:g    ARGV: generation, tags
-- Returns the generation and the present number; the generation alone, and nothing changed, when it is another one.
local value = redis.call('GET', KEYS[1])
if value ~= ARGV[1] then return { value or '' } end
local base = string.sub(KEYS[1], 1, -2) .. string.sub(value, string.find(value, ' ', 1, true) + 1)
local n = redis.call('GET', base .. ':n')
if not n then return { '' } end
for at = 2, #ARGV do redis.call('SET', base .. ':v:' .. ARGV[at], n, 'EX', 86400, 'NX') end
return { value, tonumber(n) }
