-- Thresholds of a limit, each told once in a window.

local function markAlert(account, mark)
  local marks = restOf(account).marks or {}
  local firedAt = marks[mark]
  if firedAt and (account.kind ~= ROLLING or now - firedAt < account.length) then return false end
  marks[mark] = now
  changeRest(account).marks = marks
  return true
end

-- Appends the thresholds of one dimension that were crossed for the first time: place, dimension, number of the threshold,
-- settled, limit, reset. Returns how many.
local function pushAlerts(place, ref, d, limit)
  local account, count = ref.account, 0
  local settled = account.state[SETTLED_AT + d]
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
  return count
end
