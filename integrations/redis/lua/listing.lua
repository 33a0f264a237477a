-- Which accounts there are: for each scope and window a sorted set of those with the largest spend, and a set of these sets.

local LISTED_MOST, LISTED_LIFE_MS = 1000, 3456000000
-- A member that no account is called; far above every spend (2^60), it says of which stretch the spends are.
local STRETCH, ABOVE = '=', 1152921504606846976

local function listAccount(account)
  local state = account.state
  state[LISTED] = spendOf(state)
  account.isChanged = true
  if account.kind == CALENDAR then
    local stretch = ABOVE + state[START]
    if tonumber(redis.call('ZSCORE', account.index, STRETCH) or 0) ~= stretch then
      redis.call('DEL', account.index)
      redis.call('ZADD', account.index, stretch, STRETCH)
    end
  end
  if redis.call('ZADD', account.index, state[LISTED], string.match(account.key, '[^/]+$')) == 1 then
    local life = string.format('%.0f', 2 * account.retention + LISTED_LIFE_MS)
    redis.call('PEXPIRE', account.index, life)
    redis.call('SADD', account.registry, account.index)
    redis.call('PEXPIRE', account.registry, life)
    local count = redis.call('ZCARD', account.index)
    if count > LISTED_MOST + 1 then redis.call('ZREMRANGEBYRANK', account.index, 0, count - LISTED_MOST - 2) end
  end
end
