import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatIssues } from '../../../shared/errors/problem.ts';
import { readDocuments } from '../../../shared/resources/document-stream.ts';
import { readResource } from '../../../shared/resources/read.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';
import { type Ask, readAsk, readSend, type Send, type Usual, usualCall, usualRequest } from './ask.ts';
import { takeOf } from './take.ts';

/**
 * The corpus: a file for each case, in a folder for each class. Its first document is the case, all others are the resources
 * that a user would write for it beside those of `mesh.yaml`.
 *
 *   test, features   a test of Gateway API's for meshes, and what an implementation claims that runs it
 *   rule             in their place: the title of a rule of the specification that no such test asks for
 *   asserts          what is right, in a sentence
 *   differs          what stands for what, where our resources cannot say it as Gateway API does
 *   calls            http (default), or grpc
 *   refused          places in the resources that the control plane and static files refuse
 *   requests         what is sent one after another, and what becomes of it (`ask.ts`)
 *   shares           what is sent so many times, and which part of it, in percent, each service answers; what no service
 *                    answers goes by its status and reason
 */
export type Case = {
  readonly place: string;
  readonly class: ClassName;
  readonly name: string;
  /** Empty for a rule without a test. */
  readonly features: readonly string[];
  readonly asserts: string;
  readonly differs: string | null;
  readonly isGrpc: boolean;
  readonly refused: readonly string[];
  readonly asks: readonly Ask[];
  readonly shares: Shares | null;
  readonly resources: readonly AnyResource[];
};

export type Shares = {
  readonly send: Send;
  readonly requests: number;
  readonly percent: Readonly<Record<string, number>>;
};

export const classNames = ['mesh-http-core', 'mesh-http-extended', 'mesh-grpc', 'rules'] as const;
export type ClassName = (typeof classNames)[number];

/** What all cases find: services and their instances, whose addresses stand for the servers that their labels name. */
export function meshResources(): AnyResource[] {
  return documentsIn(textOf('mesh.yaml')).map(readOne);
}

export function readCases(): Case[] {
  return classNames.flatMap((className) =>
    readdirSync(join(import.meta.dirname, 'cases', className))
      .sort()
      .map((file) => readCase(className, `cases/${className}/${file}`, textOf(`cases/${className}/${file}`))),
  );
}

/** Reads the file of a case; throws with the place of what is wrong. */
export function readCase(className: ClassName, place: string, text: string): Case {
  try {
    const [head, ...resources] = documentsIn(text);
    return { place, class: className, ...readHead(head), resources: resources.map(readOne) };
  } catch (error) {
    throw new Error(`${place}: ${(error as Error).message}`, { cause: error });
  }
}

function readHead(document: unknown): Omit<Case, 'place' | 'class' | 'resources'> {
  const take = takeOf(document, 'the case');
  const isGrpc = take.one('calls', ['http', 'grpc'], 'http') === 'grpc';
  const usual = isGrpc ? usualCall : usualRequest;
  const test = take.text('test', '');
  const shares = take.value('shares');
  const read = {
    name: test === '' ? take.text('rule') : test,
    features: test === '' ? [] : take.texts('features'),
    asserts: take.text('asserts'),
    differs: take.text('differs', '') || null,
    isGrpc,
    refused: take.texts('refused', []),
    asks: take.list('requests').map((one) => readAsk(one, usual)),
    shares: shares === undefined ? null : readShares(shares, usual),
  };
  take.end();
  return read;
}

function readShares(document: unknown, usual: Usual): Shares {
  const take = takeOf(document, 'shares');
  const shares = {
    send: readSend(take.value('send'), usual),
    requests: take.number('requests'),
    percent: take.value('percent') as Record<string, number>,
  };
  take.end();
  return shares;
}

function readOne(document: unknown): AnyResource {
  const read = readResource(document);
  if (!read.ok) throw new Error(formatIssues(read.issues));
  return read.value;
}

function documentsIn(text: string): unknown[] {
  const documents = readDocuments(text);
  if (!documents.ok) throw new Error(formatIssues(documents.issues));
  return documents.value;
}

function textOf(path: string): string {
  return readFileSync(join(import.meta.dirname, path), 'utf8');
}
