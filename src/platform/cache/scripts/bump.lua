-- Takes the next number and gives it to the tags; with a note, says it to everyone who listens (a beat, a retirement).
-- KEYS[1] ch:{c}:g    ARGV: generation, kind ('b' bump, 'a' awaited bump, 'p' pulse of the relay, 'r' retirement), note, tags
-- Returns the generation and the number; the generation alone, and nothing changed, when it is another one.
local value = redis.call('GET', KEYS[1])
if value ~= ARGV[1] then return { value or '' } end
local base = string.sub(KEYS[1], 1, -2) .. string.sub(value, string.find(value, ' ', 1, true) + 1)
if redis.call('EXISTS', base .. ':n', base .. ':s') < 2 then return { '' } end
local n = redis.call('INCR', base .. ':n')
local number = string.format('%.0f', n)
local entry = { 'k', ARGV[2] }
if ARGV[3] ~= '' then
  local time = redis.call('TIME')
  entry[3], entry[4] = 'm', ARGV[3]
  entry[5], entry[6] = 'at', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
end
for at = 4, #ARGV do
  entry[#entry + 1] = 't'
  entry[#entry + 1] = ARGV[at]
  redis.call('SET', base .. ':v:' .. ARGV[at], number, 'EX', 86400)
end
redis.call('XADD', base .. ':s', 'MAXLEN', '~', 10000, number .. '-0', unpack(entry))
return { value, n }
