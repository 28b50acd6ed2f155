/**
 * Servers that people install from npm, each in one version: what they announce, and calls that need neither a key nor a
 * network. Most of what they do needs both, so the calls are those that they answer by themselves, mistakes included.
 */
import { serverCommand } from '../../../field/servers.mjs'
import { calls, type Script, type Step } from '../test-client.ts'

/** What is asked of every server. */
const plain: readonly Step[] = [
  [
    'gets the server description',
    async ({ client }) => [client.getServerVersion(), client.getServerCapabilities(), client.getInstructions()],
  ],
  ['pings', ({ client }) => client.ping()],
  ['lists tools', ({ client }) => client.listTools()],
  ['lists resources', ({ client }) => client.listResources()],
  ['lists resource templates', ({ client }) => client.listResourceTemplates()],
  ['lists prompts', ({ client }) => client.listPrompts()],
  calls('no-such-tool', { a: ['grüße 😀'] }),
]
/** Some servers say so by an error, others by a result. */
const unknown = 'calls no-such-tool with {"a":["grüße 😀"]}'

/** @param name of the server in `field/servers` */
function script(name: string, steps: readonly Step[], failing: readonly string[]): Script {
  return {
    server: name,
    keepsThings: false,
    asks: false,
    prepare: (folder) => {
      const { args, env } = serverCommand(name)
      // Some keep a note of their first start there, some write files of fixed names.
      return Promise.resolve({
        args,
        env: { ...env, HOME: folder, TMPDIR: folder },
        roots: [],
        steps: [...plain, ...steps],
      })
    },
    failing,
  }
}

/** The scripts by the names of their servers. */
export const packages: readonly Script[] = [
  script('brave', [calls('brave_web_search', { query: 7 }), calls('brave_summarizer')], []),
  script(
    'chart',
    [calls('generate_pie_chart', { data: 'none' }), calls('generate_mind_map')],
    [unknown, 'calls generate_pie_chart with {"data":"none"}', 'calls generate_mind_map with {}'],
  ),
  script('chrome-devtools', [calls('resize_page', { pageId: 'one' }), calls('take_heapsnapshot')], [unknown]),
  script(
    'code-runner',
    [
      calls('run-code', { languageId: 'javascript', code: 'console.log(6 * 7, "grüße 😀")' }),
      calls('run-code', { languageId: 'javascript', code: 'process.exit(3)' }),
      calls('run-code', { languageId: 'no-such-language', code: '1' }),
      calls('run-code', { code: 1 }),
    ],
    [],
  ),
  script('context7', [calls('query-docs', { libraryId: 7 }), calls('resolve-library-id')], [unknown]),
  script(
    'firecrawl',
    [calls('firecrawl_check_crawl_status'), calls('firecrawl_map', { url: 7 })],
    [unknown, 'calls firecrawl_check_crawl_status with {}', 'calls firecrawl_map with {"url":7}'],
  ),
  script('notion', [], [unknown]),
  script(
    'playwright',
    [calls('browser_close'), calls('browser_resize', { width: 'wide' }), calls('browser_click')],
    [],
  ),
  script(
    'shadcn',
    [
      calls('get_add_command_for_items', { items: ['@shadcn/button', '@shadcn/card'] }),
      calls('get_audit_checklist'),
      calls('view_items_in_registries', { items: 'none' }),
    ],
    [unknown],
  ),
  script('tavily', [], [unknown]),
]
