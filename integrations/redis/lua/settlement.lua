-- Ends a reservation: what was really used takes the place of the hold.

local SETTLED_STATUS, RELEASED_STATUS, DUPLICATE_STATUS, LATE_STATUS = 0, 1, 2, 3
local nothing = zeros(12)

local function markAlert(account, mark)
  local marks = restOf(account).marks or {}
  local firedAt = marks[mark]
  if firedAt and (account.kind ~= ROLLING or now - firedAt < account.length) then return false end
  marks[mark] = now
  changeRest(account).marks = marks
  return true
end

-- Appends the thresholds that were crossed for the first time: place, dimension, number of the threshold, settled, limit, reset.
-- Returns how many.
local function pushAlerts(place, ref, account, actual)
  local count = 0
  local limits, at = adjustedLimits(account, numbers, ref.limits)
  for d = 1, 8 do
    local limit = limits[at + d]
    if limit < 0 and ref.tighter then limit = numbers[ref.tighter + d] end
    if limit > 0 and numbers[actual + d] > 0 then
      local settled = account.data[SETTLED_AT + d]
      for number = 1, ref.alerts do
        local threshold = numbers[ref.alertsAt + number]
        if settled < limit * threshold then break end
        if markAlert(account, d .. '@' .. threshold) then
          count = count + 1
          push(place)
          push(d)
          push(number)
          push(settled)
          push(limit)
          push(resetOf(account))
        end
      end
    end
  end
  return count
end

-- What was used above the hold, or nil.
local function excess(actual, amounts)
  local overage
  for d = 1, 8 do
    local above = numbers[actual + d] - amounts[AMOUNTS_AT + d]
    if above > 0 then
      overage = overage or zeros(8)
      overage[d] = above
    end
  end
  return overage
end

-- The stretch in which this reservation counts in an account, or nil where it does not.
local function stretchFor(account, ref, record)
  if record then return stretchIn(record, account) end
  openAccount(account)
  keepLimits(account, ref.mark, ref.limits)
  if account.kind == ROLLING then openSlot(account) end
  return account.start
end

-- Books in one account and appends its alerts; returns how many.
local function bookIn(account, place, ref, record, id, actual, overage)
  local start = stretchFor(account, ref, record)
  if not start then return 0 end
  if record then unhold(account, id, start, record, AMOUNTS_AT) end
  if not actual then return 0 end
  add(account, start, SETTLED, numbers, actual, 1)
  if overage then add(account, start, OVERAGE, overage, 0, 1) end
  account.isSpent = true
  if account.kind ~= ROLLING and start ~= account.data[START] then return 0 end
  return pushAlerts(place, ref, account, actual)
end

local function pushEnd(status, overage, at)
  push(status)
  push(overage and 1 or 0)
  if overage then pushAmounts(overage, at) end
end

-- Reads one settlement of the request, books it and appends its answer: status, overage, alerts.
local function settleNext(refs, accounts, remember)
  local key, id, actual, places = KEYS[nextNumber()], ARGV[nextNumber()], nextOptionalAmounts(), nextPlaces()
  local record = loadRecord(key)
  if record and record[ENDED] == 1 then
    pushEnd(DUPLICATE_STATUS, record[TAIL] and record, TAIL - 1)
    return push(0)
  end
  local isLate = not record or record[EXPIRY] <= now
  local status = not actual and RELEASED_STATUS or isLate and LATE_STATUS or SETTLED_STATUS
  local overage = actual and excess(actual, record or nothing)
  pushEnd(status, overage, 0)
  push(0)
  local countAt, count, done = size, 0, {}
  for place, number in ipairs(places) do
    local ref = refs[number]
    local account = accounts[ref.account]
    if not done[account] and (record or actual) then
      done[account] = true
      count = count + bookIn(account, place, ref, record, id, actual, overage)
    end
  end
  reply[countAt] = count

  local ended = { 1, 0, 0, status, unpack(record or nothing, AMOUNTS_AT + 1, AMOUNTS_AT + 8) }
  if record then ended[ASK], ended[UNITS] = record[ASK], record[UNITS] end
  for d = 1, overage and 8 or 0 do ended[TAIL - 1 + d] = overage[d] end
  saveRecord(key, ended, remember)
end
