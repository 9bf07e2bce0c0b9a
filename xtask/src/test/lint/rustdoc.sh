#!/bin/sh
# Takes the place of rustdoc in `cargo test --doc`, which calls it with the libraries of the build, and checks the links
# between items. `cargo doc` would check every dependency once more before.
for word; do
    shift
    if [ -n "$skip" ]; then
        skip=
        continue
    fi
    case $word in
    --test) ;;
    --test-args | --test-run-directory | --test-runtool | --test-runtool-arg) skip=1 ;;
    --test-args=* | --test-run-directory=* | --test-runtool=* | --test-runtool-arg=*) ;;
    *) set -- "$@" "$word" ;;
    esac
done
exec rustdoc "$@" --document-private-items -D rustdoc::broken_intra_doc_links \
    -A rustdoc::private_intra_doc_links --out-dir "$TORNADO_DOC_DIR"
