import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../src/stores/memory-store.ts';
import { storeContract } from '../../src/testing/store-contract.ts';

describe('the memory store', () => {
  storeContract({ test, expect }, memoryStore);
});
