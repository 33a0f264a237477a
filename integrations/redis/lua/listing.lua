-- Which accounts there are: for each scope and window a sorted set of those with the largest spend, and a set of these sets.

local LISTED_MOST, LISTED_LIFE_MS = 1000, 3456000000
-- A member that no account is called; far above every spend (2^60), it says of which stretch the spends are.
local STRETCH, ABOVE = '=', 1152921504606846976

local function list(registry, index, key, kind, retention, start, spend)
  if kind == CALENDAR then
    local stretch = ABOVE + start
    if tonumber(redis.call('ZSCORE', index, STRETCH) or 0) ~= stretch then
      redis.call('DEL', index)
      redis.call('ZADD', index, stretch, STRETCH)
    end
  end
  if redis.call('ZADD', index, spend, string.match(key, '[^/]+$')) == 1 then
    local life = string.format('%.0f', 2 * retention + LISTED_LIFE_MS)
    redis.call('PEXPIRE', index, life)
    redis.call('SADD', registry, index)
    redis.call('PEXPIRE', registry, life)
    local count = redis.call('ZCARD', index)
    if count > LISTED_MOST + 1 then redis.call('ZREMRANGEBYRANK', index, 0, count - LISTED_MOST - 2) end
  end
end
