-- Holds what a step may need in every account at once, or nothing anywhere.

-- Holds granted amounts in the accounts, each once.
local function holdIn(refs, accounts, places, amounts, id, ttl)
  local pins, done = {}, {}
  for _, number in ipairs(places) do
    local account = accounts[refs[number].account]
    if not done[account] then
      done[account] = true
      openSlot(account)
      local state = account.data
      add(account, account.start, HELD, amounts, 1)
      pins[state[1]] = account.start
      local expiry = now + ttl
      redis.call('ZADD', account.holds, expiry, holdMember(account.start, amounts, id))
      keepHolds(account.holds, ttl)
      if state[4] == 0 or expiry < state[4] then state[4] = expiry end
      account.isChanged = true
    end
  end
  return pins
end

local function appendGrant(reply, record, isReplay, refs, accounts, places)
  reply[#reply + 1] = 1
  reply[#reply + 1] = record[2]
  reply[#reply + 1] = record[3]
  appendAmounts(reply, record[4], 0)
  reply[#reply + 1] = isReplay and 1 or 0
  for _, number in ipairs(places) do
    local account = accounts[refs[number].account]
    local isAdjusted = account.data and account.data[6]
    reply[#reply + 1] = isAdjusted and 1 or 0
    if isAdjusted then appendAmounts(reply, adjustedLimits(account, refs[number].limits), 0) end
    appendSnapshot(reply, account)
  end
end

-- Reads the reservation of the request and appends its answer: a grant with its amounts and accounts, or a shortfall.
local function reserveNext(reply, refs, accounts)
  local key, id, ttl = KEYS[nextNumber()], ARGV[nextNumber()], nextNumber()
  local places, standings = {}, {}
  for i = 1, nextNumber() do places[i] = nextNumber() end
  local asks = {}
  for i = 1, nextNumber() do asks[i] = nextAsk() end

  local record = loadRecord(key)
  if record then return appendGrant(reply, record, true, refs, accounts, places) end

  for place, number in ipairs(places) do
    local ref = refs[number]
    local account = accounts[ref.account]
    openAccount(account, ref.limits)
    account.data[8], account.data[10] = ref.limits, account.charges
    account.isChanged = true
    standings[place] = { ceilings = ceilingsOf(ref, account), kept = ref.kept, sums = account.data[3] }
  end
  local shortfall
  for number, ask in ipairs(asks) do
    local amounts, fitting = fit(ask, standings)
    if amounts then
      local pins = holdIn(refs, accounts, places, amounts, id, ttl)
      record = { 'L', number - 1, fitting, amounts, now + ttl, pins }
      saveRecord(key, record, ttl + REMEMBER_EXPIRED_MS)
      return appendGrant(reply, record, false, refs, accounts, places)
    end
    shortfall = fitting
  end
  local account = accounts[refs[places[shortfall.place]].account]
  reply[#reply + 1] = 0
  for _, field in ipairs({ 'place', 'dimension', 'limit', 'settled', 'held', 'asked' }) do reply[#reply + 1] = shortfall[field] end
  reply[#reply + 1] = resetOf(account)
end
