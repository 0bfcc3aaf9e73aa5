-- Opens a cell: makes a new generation where the old one cannot be trusted, and registers the replica.
-- KEYS[1] ch:{c}:g    ARGV: server id, candidate nonce, replica, token, nonce to be replaced ('' for none)
-- Returns the generation (server id, blank, nonce) and its number.
local prefix = string.sub(KEYS[1], 1, -2)
local value = redis.call('GET', KEYS[1])
local nonce
if value then
  local blank = string.find(value, ' ', 1, true)
  nonce = blank and string.sub(value, blank + 1)
  local whole = nonce and redis.call('EXISTS', prefix .. nonce .. ':n', prefix .. nonce .. ':s') == 2
  if not whole or string.sub(value, 1, blank - 1) ~= ARGV[1] or nonce == ARGV[5] then
    if whole then
      -- Its last word, so that those who listen come over at once; then it may go.
      local last = redis.call('INCR', prefix .. nonce .. ':n')
      redis.call('XADD', prefix .. nonce .. ':s', string.format('%.0f-0', last), 'k', 'end')
    end
    if nonce then
      for _, part in ipairs({ ':n', ':s', ':r' }) do redis.call('EXPIRE', prefix .. nonce .. part, 60) end
    end
    nonce = nil
  end
end
if not nonce then
  nonce = ARGV[2]
  value = ARGV[1] .. ' ' .. nonce
  redis.call('SET', KEYS[1], value)
  redis.call('SET', prefix .. nonce .. ':n', '1')
  redis.call('DEL', prefix .. nonce .. ':s')
  redis.call('XADD', prefix .. nonce .. ':s', '1-0', 'k', 'begin')
end
local n = redis.call('GET', prefix .. nonce .. ':n')
-- It has confirmed nothing before it has read this answer: until then it may still use what it had.
if ARGV[3] ~= '' then redis.call('HSET', prefix .. nonce .. ':r', ARGV[3], ARGV[4] .. ' 0') end
return { value, tonumber(n) }
