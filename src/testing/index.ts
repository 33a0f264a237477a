/** Tools for tests and demos: a model behind a local server, an agent without a host. */
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
