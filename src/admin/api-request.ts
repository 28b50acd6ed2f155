/** A request to the JSON API, and what answers it. */
import type { ApiAnswers } from './answers.ts'
import type { OperationId } from './api.ts'

/** A request whose parameters have been read. */
export interface ApiRequest {
  /** The parts of the path that stand in braces. */
  readonly segments: Readonly<Record<string, string>>
  /** Those of the query and of the body. */
  readonly counts: Readonly<Record<string, number>>
  readonly texts: Readonly<Record<string, string>>
}

export type Handlers = {
  readonly [Id in OperationId]: (request: ApiRequest) => ApiAnswers[Id] | Promise<ApiAnswers[Id]>
}
