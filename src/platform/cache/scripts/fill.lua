-- Stores an entry unless one of its tags was bumped after its position, and ends the lease under which it was loaded.
-- Tags without a version get the present number.
-- KEYS: ch:{c}:g, the entry, the versions of its tags; without an entry it only ends the lease
-- ARGV: generation, entry, position, life in ms, key of the lease, its token ('' for none)
-- Returns the generation and 1 or 0 (refused); the generation alone, and nothing changed, when it is another one.
local read = redis.call('MGET', KEYS[1], unpack(KEYS, 3))
local value = read[1]
if value ~= ARGV[1] then return { value or '' } end
if ARGV[6] ~= '' and redis.call('GET', ARGV[5]) == ARGV[6] then redis.call('DEL', ARGV[5]) end
local key = KEYS[2]
if not key then return { value, 0 } end
local position = tonumber(ARGV[3])
local base, n
for at = 2, #read do
  local version = read[at]
  if version then
    if tonumber(version) > position then return { value, 0 } end
  elseif not n then
    base = string.sub(KEYS[1], 1, -2) .. string.sub(value, string.find(value, ' ', 1, true) + 1)
    n = redis.call('GET', base .. ':n')
    if not n then return { '' } end
  end
end
-- Bytes 2 to 9 of an entry are its position.
local old = redis.call('GETRANGE', key, 2, 9)
if #old == 8 and struct.unpack('>d', old) > position then return { value, 0 } end
-- What a tag without a version was bumped with, nobody knows any more. With the present number none who goes by
-- versions believes an entry from before now, this one included unless nothing has happened since its position.
if n then
  for at = 2, #read do
    if not read[at] then redis.call('SET', KEYS[at + 1], n, 'EX', 86400) end
  end
end
redis.call('SET', key, ARGV[2], 'PX', ARGV[4])
return { value, 1 }
