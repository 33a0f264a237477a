-- Which accounts there are: for each scope and window a sorted set of those with the largest spend, and a set of these sets.

local LISTED_MOST, LISTED_LIFE_MS = 1000, 3456000000
-- A member that no account is called; far above every spend (2^60), it says of which stretch the spends are.
local STRETCH, ABOVE = '=', 1152921504606846976

local function listAccount(account)
  local state = account[STATE]
  state[LISTED] = spendOf(state)
  account[IS_CHANGED] = true
  if account[KIND] == CALENDAR then
    local stretch = ABOVE + state[START]
    if tonumber(redis.call('ZSCORE', account[INDEX], STRETCH) or 0) ~= stretch then
      redis.call('DEL', account[INDEX])
      redis.call('ZADD', account[INDEX], stretch, STRETCH)
    end
  end
  if redis.call('ZADD', account[INDEX], state[LISTED], string.match(account[KEY], '[^/]+$')) == 1 then
    local life = string.format('%.0f', 2 * account[RETENTION] + LISTED_LIFE_MS)
    redis.call('PEXPIRE', account[INDEX], life)
    redis.call('SADD', account[REGISTRY], account[INDEX])
    redis.call('PEXPIRE', account[REGISTRY], life)
    local count = redis.call('ZCARD', account[INDEX])
    if count > LISTED_MOST + 1 then redis.call('ZREMRANGEBYRANK', account[INDEX], 0, count - LISTED_MOST - 2) end
  end
end
