import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type CodeBlock = { readonly language: string; readonly text: string };

/** A Markdown file of the checkout, taken apart as far as checks need it. */
export type MarkdownFile = {
  /** From the top of the checkout. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly CodeBlock[];
  /** Code within the text, without its fences. */
  readonly spans: readonly string[];
  /** Targets of links and images. */
  readonly links: readonly string[];
  /** What `#...` can lead to, as GitHub makes it of the headings. */
  readonly anchors: ReadonlySet<string>;
};

/** Every Markdown file that git knows, and those that are new and not ignored. */
export function readMarkdown(root: string): readonly MarkdownFile[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
    cwd: root,
    encoding: 'utf8',
  });
  return listed
    .split('\n')
    .filter((path) => path !== '' && existsSync(join(root, path)))
    .map((path) => takeApart(path, readFileSync(join(root, path), 'utf8')));
}

export function takeApart(path: string, text: string): MarkdownFile {
  const blocks: CodeBlock[] = [];
  const prose = text.replace(/^( *)```(\S*)\n([\s\S]*?)^\1```$/gm, (_, _indent, language: string, code: string) => {
    blocks.push({ language, text: code });
    return '';
  });
  const spans = [...prose.matchAll(/(?<!`)(`{1,2})(?!`)([^`]|(?<=[^`])`(?=[^`]))+?\1(?!`)/g)].map(([all, fence]) =>
    all.slice(fence!.length, -fence!.length).replaceAll('\n', ' '),
  );
  const withoutCode = prose.replace(/`[^`\n]*`/g, '');
  const links = [...withoutCode.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target!);
  const anchors = new Set([...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!)));
  return { path, text, blocks, spans, links, anchors };
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** The command lines in a file's shell blocks and code spans: without comments and prompts, continued lines joined. */
export function commandLines({ blocks, spans }: MarkdownFile): readonly string[] {
  const shells = blocks.filter(({ language }) => language === 'sh' || language === 'console');
  const lines = shells.flatMap(({ text }) => text.replace(/\\\n\s*/g, ' ').split('\n'));
  return [...lines, ...spans].map((line) =>
    line
      .replace(/(^|\s)# .*$/, '')
      .replace(/^\s*\$ /, '')
      .trim(),
  );
}
