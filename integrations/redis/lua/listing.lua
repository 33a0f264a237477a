-- Which accounts there are: for each scope and window a sorted set of those with the largest spend, and a set of these sets.

local LISTED_MOST = 1000
-- An account moves in the set when its spend has grown by a fiftieth: most steps need not touch it.
local GROWTH = 1.02
-- A member that no account is called; far above every spend, it says of which stretch the spends are.
local STRETCH, ABOVE = '=', 2 ^ 60

local function listAccount(account)
  local state = account.data
  local usd, tokens = state[SETTLED_AT + 1], state[SETTLED_AT + 2]
  -- Those that are not billed in dollars are ordered among themselves, by tokens, below nearly all that are.
  local score = usd > 0 and usd or tokens / 1e9
  if state[LISTED] >= 0 and score < state[LISTED] * GROWTH and (score > 0) == (state[LISTED] > 0) then return end
  state[LISTED] = score
  account.isChanged = true
  if account.kind == CALENDAR then
    local stretch = ABOVE + state[START]
    if tonumber(redis.call('ZSCORE', account.index, STRETCH) or 0) ~= stretch then
      redis.call('DEL', account.index)
      redis.call('ZADD', account.index, stretch, STRETCH)
    end
  end
  if redis.call('ZADD', account.index, score, string.match(account.state, '[^/]+$')) == 1 then
    local life = string.format('%.0f', 2 * account.retention + 40 * 24 * 3600 * 1000)
    redis.call('PEXPIRE', account.index, life)
    redis.call('SADD', account.registry, account.index)
    redis.call('PEXPIRE', account.registry, life)
    local count = redis.call('ZCARD', account.index)
    if count > LISTED_MOST + 1 then redis.call('ZREMRANGEBYRANK', account.index, 0, count - LISTED_MOST - 2) end
  end
end
