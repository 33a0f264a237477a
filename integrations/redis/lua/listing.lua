-- Which accounts there are: for each scope and window a sorted set of those with the largest spend, and a set of these sets.

local LISTED_MOST = 1000
-- A member that no account is called; far above every spend, it says of which stretch the spends are.
local STRETCH, ABOVE = '=', 2 ^ 60

local function listAccount(account)
  local name = string.match(account.state, '[^/]+$')
  if account.kind == CALENDAR then
    local stretch = ABOVE + account.data[2]
    if tonumber(redis.call('ZSCORE', account.index, STRETCH) or 0) ~= stretch then
      redis.call('DEL', account.index)
      redis.call('ZADD', account.index, stretch, STRETCH)
    end
  end
  local sums = account.data[3]
  -- Those that are not billed in dollars are ordered among themselves, by tokens, below nearly all that are.
  local score = sums[1] > 0 and sums[1] or sums[2] / 1e9
  if redis.call('ZADD', account.index, score, name) == 1 then
    local life = string.format('%.0f', 2 * account.retention + 40 * 24 * 3600 * 1000)
    redis.call('PEXPIRE', account.index, life)
    redis.call('SADD', account.registry, account.index)
    redis.call('PEXPIRE', account.registry, life)
    local count = redis.call('ZCARD', account.index)
    if count > LISTED_MOST + 1 then redis.call('ZREMRANGEBYRANK', account.index, 0, count - LISTED_MOST - 2) end
  end
end
