-- Says that a replica has heard every number up to this one; with a number below 0, strikes the replica off.
-- KEYS[1] ch:{c}:g    ARGV: generation, replica, token, number
-- Returns the generation and 1, or 0 when the replica is not registered under this token; the generation alone, and
-- nothing changed, when it is another one.
local value = redis.call('GET', KEYS[1])
if value ~= ARGV[1] then return { value or '' } end
local registry = string.sub(KEYS[1], 1, -2) .. string.sub(value, string.find(value, ' ', 1, true) + 1) .. ':r'
local row = redis.call('HGET', registry, ARGV[2])
local blank = row and string.find(row, ' ', 1, true)
if not blank or string.sub(row, 1, blank - 1) ~= ARGV[3] then return { value, 0 } end
if tonumber(ARGV[4]) < 0 then
  redis.call('HDEL', registry, ARGV[2])
elseif tonumber(ARGV[4]) > tonumber(string.sub(row, blank + 1)) then
  redis.call('HSET', registry, ARGV[2], ARGV[3] .. ' ' .. ARGV[4])
end
return { value, 1 }
