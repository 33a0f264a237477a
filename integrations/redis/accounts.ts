import {
  dimensions,
  type AccountId,
  type AccountRef,
  type AccountSnapshot,
  type Adjustment,
  type AmountLimits,
  type ListQuery,
  type ResolvedWindow,
} from 'holdfast';
import { keyPart } from './keys.ts';
import { readLimits, readSums, replyReader, tightened, type AccountSums } from './reply.ts';
import { addAccounts, addRef, factsOf, type AccountFacts, type RequestSettings, type ScriptCall } from './request.ts';
import type { StoreServer } from './server.ts';

/** Reading, adjusting, listing and forgetting. None of it is done in a step. */
export interface StoredAccounts {
  read(ref: AccountRef): Promise<AccountSnapshot>;
  adjust(ref: AccountRef, adjustment: Adjustment): Promise<AccountSnapshot>;
  list(query: ListQuery): Promise<AccountSnapshot[]>;
  erase(id: AccountId): Promise<void>;
}

/** The member of an index that says of which stretch it is (lua/listing.lua). */
const STRETCH = '=';
/** How many accounts are read with one script: it must not keep the server from others for long. */
const READ_TOGETHER = 50;

/** A member of an index, before it is read. */
interface Member {
  readonly index: string;
  readonly part: string;
  readonly window: ResolvedWindow;
  readonly registry: string;
  /** As they stand in keys: names, or hashes of them. */
  readonly inKeys: AccountId;
}

export function storedAccounts(server: StoreServer): StoredAccounts {
  const { redis } = server;
  const { keys } = server.settings();

  /** Reads one account, and first changes its limits where a change is given. */
  async function visit(ref: AccountRef, change?: Adjustment): Promise<AccountSnapshot> {
    const [account] = readAccounts(
      await server.run('read', (settings) => {
        const facts = factsOf(ref, settings);
        const call = readCall([facts], settings);
        const { numbers } = call;
        numbers.push(!change ? 0 : change.limits ? 1 : 2);
        if (change) addRef(call, 1, facts);
        if (change?.limits) {
          numbers.push(change.until ?? 0);
          for (const dimension of dimensions) numbers.push(change.limits[dimension] ?? -1);
        }
        return call;
      }),
      1,
    );
    const { adjusted, sums } = account!;
    const { tenant, scope, id, window } = ref;
    return { tenant, scope, id, window, ...sums, limits: tightened({ ...ref.limits, ...adjusted }, ref) };
  }

  const textsOf = async (key: string, ...command: [string, ...string[]]): Promise<string[]> => {
    const reply = await redis.send(key, command);
    return Array.isArray(reply) ? reply.map(String) : [];
  };

  /** The registries of all tenants, from every server. */
  async function allRegistries(): Promise<string[]> {
    const found = new Set<string>();
    for (const send of await redis.servers()) {
      let cursor = '0';
      do {
        const page = await send(['SCAN', cursor, 'MATCH', keys.registries, 'COUNT', '1000']);
        const [next, names] = Array.isArray(page) ? page : ['0', []];
        cursor = String(next);
        for (const name of Array.isArray(names) ? names : []) found.add(String(name));
      } while (cursor !== '0');
    }
    return [...found];
  }

  /** The accounts with the largest spend of one scope and window. In a rolling window the index can be behind: it is read whole. */
  async function membersOf(registry: string, index: string, most: number): Promise<Member[]> {
    const { scopePart, window } = keys.factsOf(index);
    const last = window.kind === 'rolling' ? '-1' : String(most);
    const parts = await textsOf(index, 'ZREVRANGE', index, '0', last);
    const tenant = keys.tenantIn(registry);
    return parts
      .filter((part) => part !== STRETCH)
      .map((part) => ({ index, part, window, registry, inKeys: { tenant, scope: scopePart, id: part } }));
  }

  async function readMembers(members: readonly Member[]): Promise<AccountSnapshot[]> {
    const facts = members.map(({ index, part, window, registry }): AccountFacts => ({
      keys: keys.member(index, part),
      registry,
      window,
      isCharging: false,
      names: undefined,
      limits: [],
    }));
    const reply = await server.run('read', (settings) => {
      const call = readCall(facts, settings);
      for (const _ of facts) call.numbers.push(0);
      return call;
    });
    return readAccounts(reply, members.length).flatMap(({ exists, limits, adjusted, sums, names }, place) => {
      const { window, inKeys } = members[place]!;
      const isEmpty =
        sums.settled.usd === 0 && sums.settled.steps === 0 && sums.settled.tokens === 0 && sums.held.steps === 0 && sums.held.usd === 0;
      return exists && (adjusted || !isEmpty) ? [{ ...(names ?? inKeys), window, limits: { ...limits, ...adjusted }, ...sums }] : [];
    });
  }

  return {
    read: (ref) => visit(ref),
    adjust: (ref, adjustment) => visit(ref, adjustment),

    async list({ tenant, scope, most }) {
      const registries = tenant === undefined ? await allRegistries() : [keys.registry(tenant)];
      const found: AccountSnapshot[] = [];
      for (const registry of registries) {
        const indexes = await textsOf(registry, 'SMEMBERS', registry);
        const wanted = indexes.filter((index) => scope === undefined || keys.factsOf(index).scopePart === keyPart(scope));
        const members = (await Promise.all(wanted.map((index) => membersOf(registry, index, most)))).flat();
        for (let at = 0; at < members.length; at += READ_TOGETHER)
          found.push(...(await readMembers(members.slice(at, at + READ_TOGETHER))));
      }
      return found.sort((a, b) => b.settled.usd - a.settled.usd || b.settled.tokens - a.settled.tokens).slice(0, most);
    },

    async erase({ tenant, scope, id }) {
      const registry = keys.registry(tenant);
      for (const index of await textsOf(registry, 'SMEMBERS', registry)) {
        if (keys.factsOf(index).scopePart !== keyPart(scope)) continue;
        const { state, holds, slots } = keys.member(index, keyPart(id));
        await redis.send(state, ['DEL', state, holds, slots]);
        await redis.send(index, ['ZREM', index, keyPart(id)]);
      }
    },
  };
}

function readCall(facts: readonly AccountFacts[], settings: RequestSettings): ScriptCall {
  const call: ScriptCall = {
    keys: facts.map(({ keys }) => keys.state),
    numbers: [settings.instead ?? -1, facts.length],
    texts: [],
  };
  addAccounts(call, facts, settings);
  return call;
}

interface ReadAccount {
  readonly exists: boolean;
  /** Of the last admission. */
  readonly limits: AmountLimits;
  /** What an adjustment puts in their place. */
  readonly adjusted: AmountLimits | undefined;
  readonly sums: Omit<AccountSums, 'adjusted'>;
  readonly names: AccountId | undefined;
}

function readAccounts([numbers, ...texts]: readonly unknown[], count: number): ReadAccount[] {
  const reader = replyReader(numbers);
  let at = 0;
  return Array.from({ length: count }, () => {
    const limits = readLimits(reader);
    const isNamed = reader.flag();
    const head = texts[at++];
    const { adjusted, ...sums } = readSums(reader, head);
    const names = isNamed ? { scope: String(texts[at++]), id: String(texts[at++]), tenant: String(texts[at++]) } : undefined;
    return { exists: Buffer.isBuffer(head) && head.length > 0, limits, adjusted, sums, names };
  });
}
