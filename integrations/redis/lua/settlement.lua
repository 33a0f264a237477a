-- Ends a reservation: what was really used takes the place of the hold.

local function markAlert(account, mark)
  local marks = account.data[5] or {}
  account.data[5] = marks
  local firedAt = marks[mark]
  if firedAt and (account.kind ~= ROLLING or now - firedAt < account.length) then return false end
  marks[mark] = now
  return true
end

-- Appends the thresholds that were crossed for the first time: place, dimension, number of the threshold, settled, limit, reset.
local function appendAlerts(found, place, ref, account, actual)
  local limits = adjustedLimits(account, ref.limits)
  for d = 1, 8 do
    local limit = limits[d]
    if limit < 0 and ref.tighter then limit = ref.tighter[d] end
    local settled = account.data[3][d]
    if limit > 0 and actual[d] > 0 then
      for number, threshold in ipairs(ref.alerts) do
        if settled < limit * threshold then break end
        if markAlert(account, d .. '@' .. threshold) then
          for _, value in ipairs({ place, d, number, settled, limit, resetOf(account) }) do found[#found + 1] = value end
        end
      end
    end
  end
end

local function excess(actual, amounts)
  local overage
  for d = 1, 8 do
    if actual[d] > amounts[d] then
      overage = overage or { 0, 0, 0, 0, 0, 0, 0, 0 }
      overage[d] = actual[d] - amounts[d]
    end
  end
  return overage or false
end

local nothing = { 0, 0, 0, 0, 0, 0, 0, 0 }

-- The stretch in which this reservation counts in an account, or nil where it does not: the account was erased since.
local function stretchFor(account, ref, record)
  if record then return account.data and record[6][account.data[1]] end
  openAccount(account, ref.limits)
  openSlot(account)
  return account.start
end

-- Reads one settlement of the request, books it and appends its answer: status, overage, alerts.
local function settleNext(reply, refs, accounts, remember)
  local key, id = KEYS[nextNumber()], ARGV[nextNumber()]
  local actual = nextOptionalAmounts()
  local places = {}
  for i = 1, nextNumber() do places[i] = nextNumber() end

  local record = loadRecord(key)
  local status, overage, alerts = DUPLICATE_STATUS, false, {}
  if record and record[1] == 'E' then
    overage = record[6]
  else
    local amounts = record and record[4] or nothing
    local isLate = not record or record[5] <= now
    status = not actual and RELEASED_STATUS or isLate and LATE_STATUS or SETTLED_STATUS
    overage = actual and excess(actual, amounts) or false
    local done = {}
    for place, number in ipairs(places) do
      local ref = refs[number]
      local account = accounts[ref.account]
      if not done[ref.account] and (record or actual) then
        done[ref.account] = true
        local start = stretchFor(account, ref, record)
        if start then
          account.isChanged = true
          if record then
            if redis.call('ZREM', account.holds, holdMember(start, amounts, id)) == 1 then
              add(account, start, HELD, amounts, -1)
            elseif account.data[10] then
              add(account, start, UNCONFIRMED, amounts, -1)
            end
          end
          if actual then
            add(account, start, SETTLED, actual, 1)
            if overage then add(account, start, OVERAGE, overage, 1) end
            account.isSpent = true
            if account.kind == ROLLING or start == account.data[2] then appendAlerts(alerts, place, ref, account, actual) end
          end
        end
      end
    end
    saveRecord(key, { 'E', record and record[2] or 0, record and record[3] or 0, amounts, status, overage }, remember)
  end

  reply[#reply + 1] = status
  reply[#reply + 1] = overage and 1 or 0
  if overage then appendAmounts(reply, overage, 0) end
  reply[#reply + 1] = #alerts / 6
  for _, value in ipairs(alerts) do reply[#reply + 1] = value end
end
