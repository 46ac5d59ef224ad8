package org.iommu4j.spapr.translate;

import static org.iommu4j.spapr.Machine.LIOBN;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Translator;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.spapr.Machine;
import org.iommu4j.spapr.command.HypercallCode;
import org.iommu4j.testing.ForwardingPort;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A change of the host's windows and devices is made as a whole or not at all, whichever of its calls the platform refuses. */
class RefusedHostChangeTest {
    private static final int RID = 0x0100;
    private static final int OTHER_RID = 0x0208;
    private static final long TABLE = 0x1000_0000;
    private static final long OTHER = 0x2000_0000;
    private static final long HIGH = 1L << 59;
    private static final int FIRST_WITH_TWO_WINDOWS = 3;

    /** A change, and the state that it starts from. */
    @SuppressWarnings("ImmutableEnumChecker") // functions without state, which their type cannot say
    private enum Change {
        ATTACH(host -> {}, host -> host.attach(1, RID, -1)),
        ATTACH_WITH_A_TABLE(host -> {}, host -> host.attach(1, RID, TABLE)),
        ATTACH_A_LIOBN_WITH_A_TABLE(host -> {}, host -> host.attach(1, LIOBN, TABLE)),
        ATTACH_TO_A_SHARED_TABLE(host -> host.attach(1, RID, TABLE), host -> host.attach(1, OTHER_RID, TABLE)),
        BIND_IN_PLACE_OF_THE_DEFAULT_WINDOW(
                host -> host.attach(1, LIOBN, -1), host -> host.bind(1, 0, TABLE, LIOBN, 0)),
        BIND_ANOTHER_LIOBN_IN_PLACE_OF_THE_DEFAULT_WINDOW(
                host -> host.attach(1, LIOBN + 1, -1), host -> host.bind(1, 0, TABLE, LIOBN + 1, 0)),
        BIND_THE_DEFAULT_LIOBN_IN_ANOTHER_CONTAINER(
                host -> host.attach(2, LIOBN, -1), host -> host.bind(2, 0, TABLE, LIOBN, 0)),
        BIND_A_SECOND_WINDOW(
                host -> {
                    host.attach(1, LIOBN, TABLE);
                    host.attach(1, RID, -1);
                },
                host -> host.bind(1, 0, OTHER, RID, HIGH)),
        REPLACE_A_TABLE(host -> host.attach(1, LIOBN, TABLE), host -> host.bind(1, 0, OTHER, LIOBN, 0)),
        REPLACE_THE_TABLE_OF_A_REQUESTER_ID(host -> host.attach(1, RID, TABLE), host -> host.bind(1, 0, OTHER, RID, 0)),
        BIND_AGAIN(host -> host.attach(1, LIOBN, TABLE), host -> host.bind(1, 0, TABLE, LIOBN, 0)),
        MOVE_A_WINDOW(host -> host.attach(1, LIOBN, TABLE), host -> host.bind(1, 0, OTHER, LIOBN, HIGH)),
        MOVE_FROM_A_SHARED_WINDOW(
                host -> {
                    host.attach(1, LIOBN, TABLE);
                    host.attach(1, RID, TABLE);
                },
                host -> host.bind(1, 0, OTHER, RID, HIGH)),
        UNBIND(
                host -> {
                    host.attach(1, LIOBN, -1);
                    host.bind(1, 0, TABLE, LIOBN, 0);
                },
                host -> host.bind(1, Uapi.BIND_FLAG_UNBIND, TABLE, LIOBN, 0)),
        DETACH(host -> host.attach(1, RID, TABLE), host -> host.detach(1, RID)),
        DETACH_A_LIOBN(host -> host.attach(1, LIOBN, TABLE), host -> host.detach(1, LIOBN)),
        DETACH_FROM_A_SHARED_WINDOW(
                host -> {
                    host.attach(1, LIOBN, TABLE);
                    host.attach(1, RID, TABLE);
                },
                host -> host.detach(1, RID));

        private final Consumer<Host> before;
        private final Consumer<Host> change;

        Change(Consumer<Host> before, Consumer<Host> change) {
            this.before = before;
            this.change = change;
        }

        boolean needsTwoWindows() {
            return this == BIND_A_SECOND_WINDOW || this == MOVE_A_WINDOW || this == MOVE_FROM_A_SHARED_WINDOW;
        }
    }

    /** A driver whose platform can be made to refuse one call. */
    private static final class Host extends ForwardingPort {
        private final Machine machine;
        private final Translator driver;
        private final int subVersion;
        private final Completion completion = new Completion();
        private Predicate<Integer> refuses = call -> false;
        private long code;
        private int calls;

        Host(int subVersion, Change change) {
            this(Machine.bare(subVersion), subVersion, change);
        }

        private Host(Machine machine, int subVersion, Change change) {
            super(machine.platform(), machine.chip());
            this.machine = machine;
            this.subVersion = subVersion;
            machine.memory().writeLongBe(TABLE + 8, 0x20_0003);
            machine.memory().writeLongBe(OTHER + 8, 0x30_0003);
            driver = machine.backend().createTranslator(subVersion, this);
            driver.openDomain(1, completion.begin());
            driver.openDomain(2, completion.begin());
            change.before.accept(this);
            assertEquals(Errno.OK, completion.errno(), completion::reason);
            // Something is cached, and a fault has stopped the endpoint.
            for (int requester : List.of(LIOBN, RID)) {
                machine.read(requester, 0x1000);
            }
            for (int requester : List.of(LIOBN, LIOBN + 1, RID)) {
                machine.read(requester, 0x5000);
            }
            calls = 0;
        }

        void attach(int domain, int requester, long table) {
            driver.attach(domain, requester, table, table == -1 ? 0 : 1, completion.begin());
        }

        void detach(int domain, int requester) {
            driver.detach(domain, requester, completion.begin());
        }

        void bind(int domain, int flags, long table, int requester, long base) {
            byte[] payload = Machine.bindPayload(table, requester, 12, 30, 1, 0, base);
            driver.bind(
                    domain,
                    new BindRequest().set(Uapi.BIND_PGTABLE, subVersion, flags, payload, 0, payload.length),
                    completion.begin());
        }

        /** All that there is to see. */
        List<String> state() {
            List<String> state = new ArrayList<>();
            state.add(Arrays.toString(driver.save().bytes()));
            state.add(Arrays.toString(machine.chip().save().bytes()));
            machine.chip()
                    .visitCache((cache, tag, pasid, iova, length, pa) ->
                            state.add(cache + " " + tag + " " + iova + " " + length + " " + pa));
            return state;
        }

        @Override
        public void call(NativeCall call) {
            if (refuses.test(calls++)) {
                call.result(code);
            } else {
                super.call(call);
            }
        }
    }

    static Stream<Arguments> changes() {
        List<Arguments> arguments = new ArrayList<>();
        for (int subVersion = 1; subVersion <= 5; subVersion++) {
            for (Change change : Change.values()) {
                if (subVersion >= FIRST_WITH_TWO_WINDOWS || !change.needsTwoWindows()) {
                    arguments.add(Arguments.of(subVersion, change, HypercallCode.NOT_ENOUGH_RESOURCES, Errno.ENOMEM));
                    arguments.add(Arguments.of(subVersion, change, HypercallCode.HARDWARE, Errno.EIO));
                    arguments.add(Arguments.of(subVersion, change, HypercallCode.BUSY, Errno.EBUSY));
                }
            }
        }
        return arguments.stream();
    }

    @ParameterizedTest
    @MethodSource("changes")
    void shouldLeaveAllAsItWasWhicheverCallIsRefused(int subVersion, Change change, long code, Errno errno) {
        Host smooth = new Host(subVersion, change);
        change.change.accept(smooth);
        assertEquals(Errno.OK, smooth.completion.errno(), smooth.completion::reason);
        assertTrue(smooth.calls > 0, "there is no call to refuse");

        int tries = HypercallCode.isBusy(code) ? ChipPort.MAX_TRIES : 1;
        for (int refused = 0; refused < smooth.calls; refused++) {
            int first = refused;
            Host host = new Host(subVersion, change);
            List<String> before = host.state();
            host.code = code;
            host.refuses = call -> call >= first && call < first + tries;

            change.change.accept(host);

            assertEquals(errno, host.completion.errno(), "call " + first);
            assertEquals(Rule.V38, host.completion.rule());
            assertEquals(0, host.completion.handled());
            assertEquals(before, host.state(), "call " + first);

            host.refuses = call -> false;
            change.change.accept(host);
            assertEquals(Errno.OK, host.completion.errno(), host.completion::reason);
            assertEquals(smooth.state(), host.state(), "after call " + first + " was refused once");
        }
    }
}
