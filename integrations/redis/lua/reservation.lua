-- Holds what a step may need in every account at once, or nothing anywhere.

local function nextPlaces()
  local places = {}
  for i = 1, nextNumber() do places[i] = nextNumber() end
  return places
end

local function pushGrant(record, isReplay, refs, accounts, places)
  push(1)
  push(record[ASK])
  push(record[UNITS])
  pushAmounts(record, AMOUNTS_AT)
  push(isReplay and 1 or 0)
  for _, number in ipairs(places) do
    local ref = refs[number]
    local account = accounts[ref.account]
    local limits, at = adjustedLimits(account, numbers, ref.limits)
    if limits == numbers then
      push(0)
    else
      push(1)
      pushAmounts(limits, at)
    end
    pushSums(account)
  end
end

local function holdInAll(refs, accounts, places, ask, amounts, units, key, id, ttl)
  local record = { 0, ask, units, now + ttl, unpack(amounts) }
  local done = {}
  for _, number in ipairs(places) do
    local account = accounts[refs[number].account]
    if not done[account] then
      done[account] = true
      if account.kind == ROLLING then openSlot(account) end
      hold(account, id, amounts, ttl)
      record[#record + 1] = account.data[BORN]
      record[#record + 1] = account.start
    end
  end
  saveRecord(key, record, ttl + REMEMBER_EXPIRED_MS)
  return record
end

-- Reads the reservation of the request and appends its answer: a grant with its amounts and accounts, or a shortfall.
local function reserveNext(refs, accounts)
  local key, id, ttl, places = KEYS[nextNumber()], ARGV[nextNumber()], nextNumber(), nextPlaces()
  local asks = {}
  for i = 1, nextNumber() do asks[i] = nextAsk() end

  local record = loadRecord(key)
  if record then return pushGrant(record, true, refs, accounts, places) end

  local standings = {}
  for place, number in ipairs(places) do
    local ref = refs[number]
    local account = accounts[ref.account]
    openAccount(account)
    keepLimits(account, ref.mark, ref.limits)
    account.data[CHARGES] = account.charges
    standings[place] = standingOf(ref, account)
  end
  local rooms, shortfall = {}, nil
  for number, ask in ipairs(asks) do
    rooms[ask.isClosing] = rooms[ask.isClosing] or roomsIn(standings, ask.isClosing)
    local amounts, fitting = fit(ask, standings, rooms[ask.isClosing])
    if amounts then
      record = holdInAll(refs, accounts, places, number - 1, amounts, fitting, key, id, ttl)
      return pushGrant(record, false, refs, accounts, places)
    end
    shortfall = fitting
  end
  push(0)
  for i = 1, 6 do push(shortfall[i]) end
  push(resetOf(accounts[refs[places[shortfall[1]]].account]))
end
