"""`make bench`: every benchmark, each side beside a baseline of the same run."""

from bench import growth, handler, notifier, page, synth, webhooks

if __name__ == "__main__":
    synth.main()
    handler.main()
    growth.main()
    notifier.main()
    page.main()
    webhooks.main()
