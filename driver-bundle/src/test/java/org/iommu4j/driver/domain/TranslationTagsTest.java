package org.iommu4j.driver.domain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.junit.jupiter.api.Test;

class TranslationTagsTest {
    private final TranslationTags tags = new TranslationTags(1, 4, 8);

    private static int take(TranslationTags from) {
        int id = from.free();
        from.take(id);
        return id;
    }

    private static TranslationTags reloaded(TranslationTags saved, int limit) {
        SnapshotWriter out = new SnapshotWriter(IommuModel.ofCode(0), Snapshot.Kind.TRANSLATOR, 1);
        saved.save(out.section("tags"));
        TranslationTags loaded = new TranslationTags(1, limit, 8);
        SnapshotReader in = new SnapshotReader(out.build()).section("tags");
        loaded.load(in);
        in.endSection();
        return loaded;
    }

    @Test
    void shouldGiveOutTheLowestFreeIdUntilThereIsNone() {
        assertEquals(1, take(tags));
        assertEquals(2, take(tags));
        assertEquals(3, take(tags));
        assertEquals(-1, tags.free());
        tags.giveBack(2, true);
        assertEquals(2, tags.free());
        assertFalse(tags.isTaken(2));
        assertFalse(tags.isTaken(0), "the driver's own");
    }

    @Test
    void shouldKeepAnIdBackUntilTheCachesHaveBeenEmptied() {
        take(tags);
        assertEquals(Errno.EIO, tags.settle(Errno.EIO, 5));
        tags.giveBack(1, false);
        assertEquals(2, tags.free());
        assertTrue(tags.isDirty());
        assertTrue(tags.isUnclean(7));
        assertTrue(tags.isUnanswered(5));

        TranslationTags next = reloaded(tags, 4);
        assertEquals(2, next.free());
        assertEquals(Errno.OK, next.settle(Errno.OK));
        assertEquals(1, next.free());
        assertFalse(next.isDirty());
        assertFalse(next.isUnclean(7));
        assertTrue(next.isUnclean(5), "it has not answered yet");
        next.settle(Errno.OK, 5);
        assertFalse(next.isUnclean(5));
    }

    @Test
    void shouldRefuseAStateWithIdsThatTheChipDoesNotHave() {
        tags.take(3);
        assertThrows(BackendException.class, () -> reloaded(tags, 3));
    }
}
