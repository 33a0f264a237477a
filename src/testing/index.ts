/** Tools for tests and demos: a model behind a local server, a clock that is told the time, the contract of every store. */
export {
  startOpenAIServer,
  roughTokens,
  type OpenAIScript,
  type OpenAIServer,
  type OpenAIServerOptions,
  type RecordedRequest,
  type ReplyFault,
  type ReportedUsage,
  type ScriptedReply,
  type Tokenize,
  type WireMessage,
  type WireRequest,
} from './openai-server.ts';
export { scriptedAgent, type ScriptedAgentOptions, type ScriptedOutcome, type ScriptedTurn, type StepRunner } from './scripted-agent.ts';
export { fakeClock, type FakeClock } from './fake-clock.ts';
export { storeContract, type Expect, type TestRunner } from './store-contract.ts';
export { loopCases, playLoopCase, testLoopCases, type LoopCase, type LoopCaseRunner, type ScriptStep } from './loop-cases.ts';
