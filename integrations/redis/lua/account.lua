-- One account: placed in time, read and written.

local GROWTH = 1.02

-- Reads what a request says of its accounts: sixteen numbers each, of which half are for common.lua alone. Nil where the
-- stretches that were sent do not hold the moment: the client looked at another clock. Their states are the keys from
-- `stateAt`. `others` says where their other keys begin, of those for which they were sent.
local function readAccounts(count, stateAt, others)
  local accounts, n = {}, numbers
  for number = 1, count do
    local at = cursor
    cursor = at + 16
    local kind, otherAt = n[at + 1], others[number] or 0
    local isWhole = otherAt > 0
    local account = {
      number, KEYS[stateAt + number - 1], kind, n[at + 2], n[at + 3], n[at + 4], isWhole and KEYS[otherAt],
      isWhole and KEYS[otherAt + 1], 0, -1, '', '', false, false, false, false, 0,
    }
    accounts[number] = account
    local first, second = n[at + 5], n[at + 6]
    if kind == CALENDAR then
      if now >= first and now < second then
        account[SINCE], account[UNTIL] = first, second
      elseif now >= second and now < n[at + 7] then
        account[SINCE], account[UNTIL] = second, n[at + 7]
      else
        return nil
      end
    elseif kind == ROLLING then
      account.length, account.slot, account.slots = first, second, KEYS[otherAt + 2]
      account[SINCE] = now - now % second
      account[UNTIL] = account[SINCE] + second
      account.loaded, account.touched, account.left = {}, {}, {}
    end
  end
  return accounts
end

-- Where the other keys of accounts begin, as the request says it: nothing where none were sent.
local function readOthers(packed)
  if packed == '' then return {} end
  return { struct.unpack('<' .. string.rep('d', #packed / 8), packed) }
end

-- Brings an account to where it stands now. One that does not exist has no state.
local function loadAccount(account, packed)
  if not packed then return end
  local state = { struct.unpack(HEAD, packed) }
  account[STATE] = state
  if #packed > HEAD_SIZE then
    local last = HEAD_SIZE + state[IS_WIDE] * LATE_SIZE
    account[PACKED_LATE] = string.sub(packed, HEAD_SIZE + 1, last)
    account[PACKED_REST] = string.sub(packed, last + 1)
  end
  if account[KIND] == ROLLING then
    rare.leaveOldSlots(account)
  elseif state[START] ~= account[SINCE] then
    rare.startStretch(account)
  end
  if state[IS_ADJUSTED] == 1 then
    local ends = restOf(account).adjustment[1]
    if ends > 0 and ends <= now then rare.adjust(account, nil) end
  end
end

-- When everything in it will have become history, adjustments aside.
local function endOfSums(account)
  if account[KIND] == CALENDAR then return account[UNTIL] + account[RETENTION] end
  if account[KIND] == ROLLING then return account[UNTIL] + account.length + account[RETENTION] end
  return now + account[RETENTION]
end

-- A little longer than it must, so that most steps need not set the time anew.
local function amply(account, last)
  return last + math.floor(account[RETENTION] / 32)
end

-- When it will have become history; nil where an adjustment for good keeps it.
local function endOfLife(account)
  local last = endOfSums(account)
  if account[STATE][IS_ADJUSTED] == 1 then
    local ends = restOf(account).adjustment[1]
    if ends == 0 then return nil end
    if ends > last then last = ends end
  end
  return last
end

-- The spend by which accounts are listed. Those that are not billed in dollars are ordered among themselves, by tokens, below
-- nearly all that are.
local function spendOf(state)
  return state[SETTLED_AT + 1] > 0 and state[SETTLED_AT + 1] or state[SETTLED_AT + 2] / 1000000000
end

-- Whether an account is to be listed anew: when its spend has grown by a fiftieth. Most steps need not touch the index.
local function isToBeListed(account)
  if not (account[IS_SPENT] or account.isNew) then return false end
  local spend, listed = spendOf(account[STATE]), account[STATE][LISTED]
  return listed < 0 or spend > listed and spend >= listed * GROWTH or (spend > 0) ~= (listed > 0)
end

local function listAccount(account)
  local state = account[STATE]
  state[LISTED], account[IS_CHANGED] = spendOf(state), true
  rare.list(account[REGISTRY], account[INDEX], account[KEY], account[KIND], account[RETENTION], state[START], state[LISTED])
end

local function lateSums(account)
  if account[STATE][IS_WIDE] ~= 1 then return '' end
  if account.isLateChanged then account[PACKED_LATE] = struct.pack(LATE, unpack(account.late, 1, 16)) end
  return account[PACKED_LATE]
end

local function headOf(account)
  return struct.pack(WRITTEN, unpack(account[STATE], 1, WRITTEN_COUNT))
end

-- Writes an account; returns the first part of its head.
local function saveAccount(account)
  local state = account[STATE]
  local last = endOfLife(account)
  local isKept = last and state[KEPT] >= last or not last and state[KEPT] == -1
  if not isKept then state[KEPT] = last and amply(account, last) or -1 end
  if account.isRestChanged then account[PACKED_REST] = cmsgpack.pack(account[REST]) end
  local head = headOf(account)
  if isKept and not account.isRewritten then
    redis.call('SETRANGE', account[KEY], 0, head)
    return head
  end
  local quiet = struct.pack('<dddddddd', unpack(state, QUIET_AT + 1, HEAD_COUNT))
  local packed = head .. quiet .. lateSums(account) .. account[PACKED_REST]
  if isKept then
    redis.call('SET', account[KEY], packed, 'KEEPTTL')
  elseif last then
    redis.call('SET', account[KEY], packed, 'PX', string.format('%.0f', state[KEPT] - now))
  else
    redis.call('SET', account[KEY], packed)
  end
  if account[KIND] == ROLLING then rare.saveSlots(account, last and string.format('%.0f', state[KEPT] - now)) end
  return head
end

-- When room comes back, or -1 where it never does.
local function resetOf(account)
  if account[KIND] ~= ROLLING then return account[UNTIL] end
  local oldest = account[STATE] and restOf(account).starts and restOf(account).starts[1]
  return oldest and oldest + account.slot + account.length or -1
end

-- An account as an answer shows it: what is written of its head in every step, late sums if there are any, and the limits of an
-- adjustment if there is one. `head` is that part of its head, where it is known.
local function shown(account, head)
  local state = account[STATE]
  if not state then return string.rep('\0', WRITTEN_SIZE) end
  head = (head or headOf(account)) .. lateSums(account)
  if state[IS_ADJUSTED] == 1 then head = head .. struct.pack('<dddddddd', unpack(restOf(account).adjustment[2], 1, 8)) end
  return head
end
