-- The step that nearly all are, in one go and without a table for each account: it settles at most one reservation and makes another one in the
-- same accounts, all of which exist; its first ask fits whole; no hold is overdue, no alert is due, nothing is out of the
-- ordinary. Gives the answer, or nil before it has changed anything: then the whole of step.lua decides. It is there for speed
-- alone; both have one meaning.

local function common(found)
  local unpacked, packed, sub, call = struct.unpack, struct.pack, string.sub, redis.call
  local _, remember, settlements, reservations, count, _, seenCount, seenLosses, _, isCommon, ttl, units, n1, n2, n3, n4, n5, n6,
    n7, n8 = unpacked('<dddddddddddddddddddd', ARGV[1])
  if isCommon ~= 1 or not found[1] then return nil end
  local answered, losses, due, kept, after = unpacked(MARK, found[1])
  local epoch = sub(found[1], after)
  if epoch ~= ARGV[3] or losses < seenLosses or losses == seenLosses and answered < seenCount then return nil end
  if due > 0 and due <= now then return nil end

  local ended, key, previous, isUsed = nil, KEYS[count + settlements + 2], found[count + 2], 0
  local a1, a2, a3, a4, a5, a6, a7, a8 = 0, 0, 0, 0, 0, 0, 0, 0
  local h1, h2, h3, h4, h5, h6, h7, h8 = n1, n2, n3, n4, n5, n6, n7, n8
  if found[count + settlements + 2] then return nil end
  if settlements == 1 then
    if not previous then return nil end
    local phase, accounts, ask, wanted, expiry, o1, o2, o3, o4, o5, o6, o7, o8 = unpacked('<BHddddddddddd', previous)
    if phase ~= IS_HELD or accounts ~= count or expiry <= now then return nil end
    isUsed = unpacked('<d', ARGV[1], 161)
    if isUsed == 1 then a1, a2, a3, a4, a5, a6, a7, a8 = unpacked('<dddddddd', ARGV[1], 169) end
    if a1 > o1 or a2 > o2 or a3 > o3 or a4 > o4 or a5 > o5 or a6 > o6 or a7 > o7 or a8 > o8 then return nil end
    h1, h2, h3, h4, h5, h6, h7, h8 = n1 - o1, n2 - o2, n3 - o3, n4 - o4, n5 - o5, n6 - o6, n7 - o7, n8 - o8
    ended = packed('<BHddddddddddd', HAS_ENDED, 0, ask, wanted, isUsed == 1 and SETTLED_STATUS or RELEASED_STATUS, o1, o2, o3, o4, o5, o6, o7, o8)
  end

  local heads, origins, lates, resets, last = {}, {}, {}, {}, now + ttl + REMEMBER_EXPIRED_MS
  local listed, prolonged
  for i = 1, count do
    local state = found[i + 1]
    if not state then return nil end
    local kind, retention, charging, _, from, to, _, limits, c1, c2, c3, c4, c5, c6, c7, c8 = unpacked('<dddddddddddddddd', ARGV[2], 128 * i - 127)
    local born, start, stays, mark, spent, isAdjusted, isWide, charges, s1, s2, s3, s4, s5, s6, s7, s8, e1, e2, e3, e4, e5, e6, e7,
      e8, q1, q2, q3, q4, q5, q6, q7, q8 = unpacked(HEAD, state)
    if start ~= from or now < from or now >= to or mark ~= limits or isAdjusted == 1 or charges ~= charging then return nil end
    s1, s2, s3, s4, s5, s6, s7, s8 = s1 + a1, s2 + a2, s3 + a3, s4 + a4, s5 + a5, s6 + a6, s7 + a7, s8 + a8
    e1, e2, e3, e4, e5, e6, e7, e8 = e1 + h1, e2 + h2, e3 + h3, e4 + h4, e5 + h5, e6 + h6, e7 + h7, e8 + h8
    if s1 >= q1 or s2 >= q2 or s3 >= q3 or s4 >= q4 or s5 >= q5 or s6 >= q6 or s7 >= q7 or s8 >= q8 then return nil end
    local late = ''
    if isWide == 1 then
      late = sub(state, HEAD_SIZE + 1, HEAD_SIZE + LATE_SIZE)
      local u1, u2, u3, u4, u5, u6, u7, u8 = unpacked('<dddddddd', late)
      c1, c2, c3, c4, c5, c6, c7, c8 = c1 - u1, c2 - u2, c3 - u3, c4 - u4, c5 - u5, c6 - u6, c7 - u7, c8 - u8
    end
    if s1 + e1 > c1 or s2 + e2 > c2 or s3 + e3 > c3 or s4 + e4 > c4 or s5 + e5 > c5 or s6 + e6 > c6 or s7 + e7 > c7 or s8 + e8 > c8 then
      return nil
    end
    local spend = s1 > 0 and s1 or s2 / 1000000000
    if isUsed == 1 and (spent < 0 or spend > spent and spend >= spent * GROWTH or (spend > 0) ~= (spent > 0)) then
      if ARGV[4] == '' then return nil end
      listed = listed or {}
      listed[i], spent = spend, spend
    end
    local ends = kind == LIFETIME and now + retention or to + retention
    if stays < ends then
      stays = ends + math.floor(retention / 32)
      prolonged = prolonged or {}
      prolonged[i] = string.format('%.0f', stays - now)
    end
    if stays > last then last = stays end
    origins[i], resets[i], lates[i] = sub(state, 1, 16), kind == LIFETIME and -1 or to, late
    heads[i] = packed('<dddddBBBdddddddddddddddd', born, start, stays, mark, spent, 0, isWide, charges, s1, s2, s3, s4, s5, s6, s7, s8, e1, e2,
      e3, e4, e5, e6, e7, e8)
  end
  local where = table.concat(origins)
  if last > kept or settlements == 1 and sub(previous, RECORD_FIXED + 1, RECORD_FIXED + #where) ~= where then return nil end
  local others = listed and { unpacked('<' .. string.rep('d', count), ARGV[4]) }
  if others then
    for i in pairs(listed) do if others[i] == 0 then return nil end end
  end

  local expiry, set = now + ttl, KEYS[count + settlements + 3]
  if due == 0 or expiry < due then due = expiry end
  call('SET', KEYS[1], packed(MARK, answered + 1, losses, due, kept) .. epoch, 'KEEPTTL')
  call('ZADD', set, string.format(EXACT, expiry), key)
  local record = packed('<BHddddddddddd', IS_HELD, count, 0, units, expiry, n1, n2, n3, n4, n5, n6, n7, n8)
  call('SET', key, record .. where .. table.concat(KEYS, '\n', 2, count + 1), 'PX', string.format('%.0f', last - now))
  local numbers
  if ended then
    call('ZREM', set, KEYS[count + 2])
    call('SET', KEYS[count + 2], ended, 'PX', string.format('%.0f', remember))
    numbers = packed('<ddddddddddddddddddd', DONE, now, answered + 1, losses, isUsed == 1 and SETTLED_STATUS or RELEASED_STATUS, 0, 0, 1, 0, units, n1, n2, n3, n4,
      n5, n6, n7, n8, 0)
  else
    numbers = packed('<dddddddddddddddd', DONE, now, answered + 1, losses, 1, 0, units, n1, n2, n3, n4, n5, n6, n7, n8, 0)
  end
  for i = 1, count do
    call('SETRANGE', KEYS[i + 1], '0', heads[i])
    heads[i] = heads[i] .. lates[i]
  end
  if prolonged then
    for i, life in pairs(prolonged) do call('PEXPIRE', KEYS[i + 1], life) end
  end
  if listed then
--- @include listing.lua
    for i, spend in pairs(listed) do
      local kind, retention, _, _, from = unpacked('<ddddd', ARGV[2], 128 * i - 127)
      list(KEYS[others[i]], KEYS[others[i] + 1], KEYS[i + 1], kind, retention, from, spend)
    end
  end
  return numbers .. packed('<d' .. string.rep('d', count), count, unpack(resets, 1, count)) .. table.concat(heads) .. epoch
end
