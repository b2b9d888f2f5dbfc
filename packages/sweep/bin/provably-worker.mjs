#!/usr/bin/env node
import "../dist/provably-worker.js";
