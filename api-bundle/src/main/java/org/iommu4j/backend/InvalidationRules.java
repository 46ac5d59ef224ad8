package org.iommu4j.backend;

import org.iommu4j.layout.Layout;
import org.osgi.annotation.versioning.ConsumerType;

/** An architecture's rules for removing a cached entry, in words; asked only when there is a finding. */
@ConsumerType
public interface InvalidationRules {
    /**
     * The narrowest command, with its fields, that removes an entry.
     *
     * @param tag as the chip tags it
     * @param pasid the PASID, or -1
     * @param first first address, or the requester for {@link CachedKind#CONTEXT}
     * @param lengthBytes size of the page; 1 where the entry is no page
     */
    String covering(CachedKind kind, long tag, int pasid, long first, long lengthBytes);

    /** The rule that asks for it, with its section. */
    String rule(CachedKind kind);

    /** The rule that asks for it after an edit that is known: it may depend on what was changed. */
    default String rule(CachedKind kind, Finding.Edit edit) {
        return rule(kind);
    }

    /** The architecture's term for the tag of entries of a kind, in the middle of a sentence: domain, function and so on. */
    default String tagName(CachedKind kind) {
        return "tag";
    }

    /**
     * The structure of a command, so that it can be shown by its bytes and fields.
     *
     * @param name as {@link TranslationObserver#invalidated} was told it
     * @return a layout of one or two words; null if the command has no structure of its own, as a call
     */
    default Layout format(String name) {
        return null;
    }
}
