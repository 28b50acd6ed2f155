// The command line of mcplex for a lane: `serve` before one command, or `up` with a file of its own.
//
// Promises: behind a merged endpoint, the tools and prompts of the fixture keep the names by which the suites know them,
// as aliases. There is none for a URI: it has the name of its upstream in it.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const fixtures = fileURLToPath(new URL('../test/fixtures', import.meta.url))

/** The tools and prompts of both fixtures. An alias of what a server does not have plays no role. */
const names = `
  json_schema_2020_12_tool test_simple_text test_image_content test_audio_content test_embedded_resource
  test_multiple_content_types test_error_handling test_tool_with_logging test_logging_tool test_tool_with_progress
  test_reconnection test_sampling test_elicitation test_elicitation_sep1034_defaults test_elicitation_sep1330_enums
  test_input_required_result_elicitation test_streaming_elicitation test_input_required_result_sampling
  test_input_required_result_list_roots test_input_required_result_multiple_inputs
  test_input_required_result_capabilities test_input_required_result_request_state
  test_input_required_result_tampered_state test_input_required_result_multi_round test_missing_capability
  test_x_mcp_header test_trigger_tool_change test_trigger_prompt_change test_trigger_resource_update
  test_simple_prompt test_prompt_with_arguments test_prompt_with_embedded_resource test_prompt_with_image
  test_input_required_result_prompt
`
  .trim()
  .split(/\s+/)

/**
 * @param {import('./lanes.mjs').Lane} lane
 * @param {string} folder  for the file, where there is one
 * @returns {['serve' | 'up', string[]]}
 */
export function commandLine({ fixture, behind, options, isH2 }, folder) {
  // Only the level debug logs how many requests a connection brought, at its end.
  const given = ['--log-level', isH2 ? 'debug' : 'warn', ...options]
  const command = (/** @type {string} */ name) => [process.execPath, join(fixtures, name)]
  if (behind === 'command') return ['serve', [...given, '--', ...command(fixture)]]
  const file = join(folder, 'mcplex.json')
  const setup =
    behind === 'module' || behind === 'thread'
      ? { upstreams: { everything: { module: join(fixtures, 'modules', fixture), isolate: behind === 'thread' } } }
      : {
          upstreams: { everything: { command: command(fixture) }, other: { command: command('echo-legacy.mjs') } },
          aliases: Object.fromEntries(names.map((name) => [name, `everything__${name}`])),
        }
  writeFileSync(file, JSON.stringify({ version: 1, ...setup }))
  return ['up', ['--config', file, ...given]]
}
