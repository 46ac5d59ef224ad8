package org.iommu4j.simulation.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.backend.BackendException;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.Snapshot;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.simulation.snapshot.SnapshotReader;
import org.iommu4j.simulation.snapshot.SnapshotWriter;
import org.junit.jupiter.api.Test;

class GuestBindingsTest {
    private static final int REQUESTERS = 16;

    private final Map<Integer, String> entries = new HashMap<>();
    private final List<String> calls = new ArrayList<>();
    private boolean refuses;

    private final GuestTables<String> tables = new GuestTables<>() {
        @Override
        public String read(int requester, GuestRequests sink) {
            return entries.get(requester);
        }

        @Override
        public boolean bind(int requester, String before, String after, GuestRequests sink) {
            calls.add("bind " + requester + " " + before + " " + after);
            return !refuses;
        }

        @Override
        public void unbind(int requester, String before, GuestRequests sink) {
            calls.add("unbind " + requester + " " + before);
        }

        @Override
        public void save(String binding, SnapshotWriter out) {
            out.putString(binding);
        }

        @Override
        public String load(int requester, SnapshotReader in) {
            return in.getString();
        }
    };

    private final GuestBindings<String> bindings = new GuestBindings<>(REQUESTERS, tables);

    private final GuestRequests sink = new GuestRequests() {
        @Override
        public Completion request(int guestDomain, byte[] bytes) {
            throw new AssertionError("requests are the vendor's");
        }

        @Override
        public void handled(String why) {
            calls.add("handled");
        }

        @Override
        public void refused(String reason) {
            calls.add("refused");
        }

        @Override
        public void move(int requester, int guestDomain) {
            calls.add("move " + requester + " " + guestDomain);
        }
    };

    private List<String> taken() {
        List<String> taken = List.copyOf(calls);
        calls.clear();
        return taken;
    }

    @Test
    void shouldBindADeviceThatAccessesMemoryUntilItIsBound() {
        bindings.access(3, sink);
        assertEquals(List.of(), taken());
        entries.put(3, "a");
        bindings.access(3, sink);
        assertEquals(List.of("bind 3 null a"), taken());
        entries.put(3, "b");
        bindings.access(3, sink);
        assertEquals(List.of(), taken());
        assertEquals(Map.of(3, "a"), bindings.bound());
    }

    @Test
    void shouldFollowAnEntryWhenItIsInvalidated() {
        entries.put(3, "a");
        bindings.update(3, sink);
        bindings.update(3, sink);
        assertEquals(List.of("bind 3 null a"), taken());
        entries.put(3, "b");
        bindings.update(3, sink);
        assertEquals(List.of("bind 3 a b"), taken());
        entries.remove(3);
        bindings.update(3, sink);
        bindings.update(3, sink);
        assertEquals(List.of("unbind 3 b"), taken());
        assertEquals(Map.of(), bindings.bound());
    }

    @Test
    void shouldBlockADeviceWhoseNewBindingIsRefused() {
        entries.put(3, "a");
        bindings.update(3, sink);
        taken();
        refuses = true;
        entries.put(3, "b");
        bindings.update(3, sink);
        assertEquals(List.of("bind 3 a b", "move 3 -1"), taken());
        assertEquals(Map.of(), bindings.bound());
    }

    @Test
    void shouldReadOnlyTheEntriesThatAreAskedFor() {
        for (int requester = 0; requester < 4; requester++) {
            entries.put(requester, requester < 2 ? "low" : "high");
            bindings.update(requester, sink);
        }
        taken();
        entries.clear();
        bindings.updateBoundTo("high"::equals, sink);
        assertEquals(List.of("unbind 2 high", "unbind 3 high"), taken());
        entries.put(5, "new");
        bindings.updateBound(requester -> requester != 0, sink);
        assertEquals(List.of("unbind 1 low"), taken());
        assertEquals(Map.of(0, "low"), bindings.bound());
    }

    @Test
    void shouldNotKnowDevicesBeyondTheRequesterIds() {
        entries.put(-1, "a");
        entries.put(REQUESTERS, "a");
        bindings.access(-1, sink);
        bindings.update(REQUESTERS, sink);
        assertEquals(List.of(), taken());
    }

    @Test
    void shouldGoOnFromASavedStateAndSendNothing() {
        entries.put(3, "a");
        entries.put(9, "b");
        bindings.update(3, sink);
        bindings.update(9, sink);
        taken();
        GuestBindings<String> restored = new GuestBindings<>(REQUESTERS, tables);
        restored.load(new SnapshotReader(saved()).section("devices"));
        assertEquals(Map.of(3, "a", 9, "b"), restored.bound());
        assertEquals(List.of(), taken());
    }

    @Test
    void shouldRefuseAStateWithADeviceThatThereIsNot() {
        entries.put(9, "b");
        bindings.update(9, sink);
        GuestBindings<String> smaller = new GuestBindings<>(8, tables);
        SnapshotReader in = new SnapshotReader(saved()).section("devices");
        assertEquals(
                Errno.EINVAL,
                assertThrows(BackendException.class, () -> smaller.load(in)).errno());
    }

    private Snapshot saved() {
        SnapshotWriter out = new SnapshotWriter(IommuModel.INTEL, Snapshot.Kind.GUEST, 1);
        bindings.save(out.section("devices"));
        return out.build();
    }
}
