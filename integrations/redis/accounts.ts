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
import { readLimits, replyReader, tightened, type ShownAccount } from './reply.ts';
import {
  accountNumbers,
  addOtherKeys,
  factsOf,
  namesOf,
  packed,
  ofStranger,
  type AccountFacts,
  type RequestSettings,
  type ScriptCall,
} from './request.ts';
import type { ScriptReply, StoreServer } from './server.ts';

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
        const call = readCall([facts], settings, redis.isCluster);
        const { numbers } = call;
        numbers.push(!change ? 0 : change.limits ? 1 : 2);
        if (change) numbers.push(1, ...facts.limits);
        if (change?.limits) {
          numbers.push(change.until ?? 0);
          for (const dimension of dimensions) numbers.push(change.limits[dimension] ?? -1);
        }
        return call;
      }),
      1,
    );
    const { adjusted } = account!.shown;
    const { tenant, scope, id, window } = ref;
    return { tenant, scope, id, window, ...sumsOf(account!.shown), limits: tightened({ ...ref.limits, ...adjusted }, ref) };
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
      ...ofStranger,
    }));
    const reply = await server.run('read', (settings) => {
      const call = readCall(facts, settings, redis.isCluster);
      for (const _ of facts) call.numbers.push(0);
      return call;
    });
    return readAccounts(reply, members.length).flatMap(({ limits, shown, names }, place) => {
      const { window, inKeys } = members[place]!;
      const { isThere, adjusted, settled, held } = shown;
      const isEmpty = settled.usd === 0 && settled.steps === 0 && settled.tokens === 0 && held.steps === 0 && held.usd === 0;
      if (!isThere || (!adjusted && isEmpty)) return [];
      return [{ ...(names ?? inKeys), window, limits: { ...limits, ...adjusted }, ...sumsOf(shown) }];
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
        const { state, slots } = keys.member(index, keyPart(id));
        await redis.send(state, ['DEL', state, slots]);
        await redis.send(index, ['ZREM', index, keyPart(id)]);
      }
    },
  };
}

function readCall(accounts: readonly AccountFacts[], settings: RequestSettings, isCluster: boolean): ScriptCall & { numbers: number[] } {
  const { mark, holds } = isCluster && accounts[0] ? settings.keys.slotOf(accounts[0].registry) : settings.keys.slot('');
  const keys = [mark, ...accounts.map((account) => account.keys.state), holds];
  const others = addOtherKeys(keys, accounts, () => true);
  return {
    keys,
    numbers: [settings.instead ?? -1, accounts.length, settings.overdueAt],
    accounts: packed(accountNumbers(accounts, [], settings).numbers),
    others,
    names: namesOf(accounts),
  };
}

interface ReadAccount {
  /** Of the last admission. */
  readonly limits: AmountLimits;
  readonly shown: ShownAccount;
  readonly names: AccountId | undefined;
}

const sumsOf = ({
  settled,
  held,
  unconfirmed,
  overage,
  resetsAt,
}: ShownAccount): Omit<ShownAccount, 'isThere' | 'listed' | 'adjusted'> => ({
  settled,
  held,
  unconfirmed,
  overage,
  resetsAt,
});

function readAccounts([bytes, ...texts]: ScriptReply, count: number): ReadAccount[] {
  const reader = replyReader(bytes);
  const facts = Array.from({ length: count }, () => ({ limits: readLimits(reader), isNamed: reader.flag(), resetsAt: reader.number() }));
  let at = 0;
  return facts.map(({ limits, isNamed, resetsAt }) => {
    const shown = reader.account(resetsAt);
    const names = isNamed ? { scope: String(texts[at++]), id: String(texts[at++]), tenant: String(texts[at++]) } : undefined;
    return { limits, shown, names };
  });
}
