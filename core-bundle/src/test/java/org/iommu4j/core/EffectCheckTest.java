package org.iommu4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import org.iommu4j.backend.Conversion;
import org.iommu4j.backend.EffectForm;
import org.iommu4j.backend.Generation;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Effect;
import org.iommu4j.contract.Effect.Target;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.Rule;
import org.iommu4j.core.fake.Bench;
import org.iommu4j.core.service.Container;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What shims make of a vendor part is compared with what it was, whoever brings them. */
class EffectCheckTest {
    private static final int CLIENT = 5;
    private static final int CHIP = 1;
    private static final int BYTES = 16;

    private final Bench bench = new Bench();

    /**
     * Commands of 16 bytes: number of the first page of 4 KiB, how many follow it (253: all there are), a space (0: all), and whether only the last level goes.
     * 255 pages are refused; 254 break the form.
     */
    private record PagesForm(int subVersion) implements EffectForm {
        @Override
        public String name() {
            return "pages";
        }

        @Override
        public int commandBytes() {
            return BYTES;
        }

        @Override
        public int read(InvalidateRequest request, int at, Effect effect, Completion completion) {
            byte[] bytes = request.payload();
            int more = bytes[at + 1] & 0xff;
            if (more == 255) {
                return completion.fail(Errno.EINVAL, "too many");
            }
            if (more == 254) {
                throw new IllegalStateException("a form breaks");
            }
            effect.all(Target.TRANSLATIONS)
                    .ofSpace(bytes[at + 2] == 0 ? Effect.ANY : bytes[at + 2], bytes[at + 2] == 0)
                    .within(
                            more == 253 ? 0 : (long) bytes[at] << 12,
                            more == 253 ? -1L : ((bytes[at] + more + 1L) << 12) - 1)
                    .leafOnly(bytes[at + 3] != 0);
            return 0;
        }

        @Override
        public int write(Effect effect, byte[] bytes, int at, int end, Completion completion) {
            return completion.refuse(Rule.V30, "sub_version", -1, subVersion, "not written here");
        }

        @Override
        public List<Conversion> conversions(int client) {
            return List.of();
        }
    }

    /** Writes what it is told in place of the client's vendor part. */
    private record Telling(int from, int to, Consumer<InvalidateRequest> way) implements Shim {
        @Override
        public IommuModel model() {
            return IommuModel.INTEL;
        }

        @Override
        public String name() {
            return "telling";
        }

        @Override
        public Fidelity fidelity() {
            return Fidelity.EXACT;
        }

        @Override
        public int rewrite(InvalidateRequest request, Completion completion) {
            way.accept(request);
            return 0;
        }
    }

    private static Consumer<InvalidateRequest> writing(int... bytes) {
        return request -> {
            byte[] scratch = request.scratch();
            for (int i = 0; i < bytes.length; i++) {
                scratch[i / 4 * BYTES + i % 4] = (byte) bytes[i];
            }
            request.replacePayload(CHIP, bytes.length / 4 * BYTES);
        };
    }

    private Errno send(Consumer<InvalidateRequest> way, int... command) {
        bench.core.arrived(bench.backend("1.0.0")
                .serving(new Generation(CHIP, "chip", Set.of(0, -BYTES), 12, 20, 46, Set.of(), Set.of()))
                .with(new PagesForm(CLIENT))
                .with(new PagesForm(CHIP))
                .with(new Telling(CLIENT, CHIP, way)));
        Container container = Bench.container(bench.unit(CHIP), CLIENT);
        byte[] payload = new byte[BYTES];
        for (int i = 0; i < command.length; i++) {
            payload[i] = (byte) command[i];
        }
        return Bench.send(container, Bench.writer(CLIENT).invalidate(0, 0, 0, 0, 0, payload))
                .errno();
    }

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void shouldLetThroughWhatDropsTheSame() {
        assertEquals(Errno.OK, send(writing(4, 1, 7, 1), 4, 1, 7, 1));
    }

    @Test
    void shouldLetThroughWhatDropsMore() {
        assertEquals(Errno.OK, send(writing(3, 3, 0, 0), 4, 1, 7, 1));
    }

    @Test
    void shouldLetThroughEverythingForEverything() {
        assertEquals(Errno.OK, send(writing(1, 253, 7, 1), 1, 253, 7, 1));
    }

    @Test
    void shouldLetThroughARangeThatBecameSeveralInAnyOrder() {
        assertEquals(Errno.OK, send(writing(6, 1, 7, 1, 3, 0, 9, 0, 4, 1, 0, 0), 4, 3, 7, 1));
    }

    @Test
    void shouldRefuseAHoleBetweenTheCommandsThatARangeBecame() {
        assertEquals(Errno.EIO, send(writing(4, 0, 7, 1, 6, 1, 7, 1), 4, 3, 7, 1));
    }

    @Test
    void shouldLeaveToTheDriverWhatTheClientsOrTheChipsGenerationRefuses() {
        assertEquals(Errno.OK, send(writing(4, 0, 7, 1), 4, 255, 7, 1));
    }

    @Test
    void shouldAnswerWithAnErrorWhenAFormBreaks() {
        assertEquals(Errno.EIO, send(writing(4, 0, 7, 1), 4, 254, 7, 1));
    }

    @Test
    void shouldRefuseFewerPages() {
        assertEquals(Errno.EIO, send(writing(4, 0, 7, 1), 4, 1, 7, 1));
    }

    @Test
    void shouldRefuseLaterPages() {
        assertEquals(Errno.EIO, send(writing(5, 1, 7, 1), 4, 1, 7, 1));
    }

    @Test
    void shouldRefuseAnotherSpace() {
        assertEquals(Errno.EIO, send(writing(4, 1, 8, 1), 4, 1, 7, 1));
    }

    @Test
    void shouldRefuseOneSpaceForAll() {
        assertEquals(Errno.EIO, send(writing(4, 1, 7, 1), 4, 1, 0, 1));
    }

    @Test
    void shouldRefuseTheLastLevelForAllLevels() {
        assertEquals(Errno.EIO, send(writing(4, 1, 7, 1), 4, 1, 7, 0));
    }

    @Test
    void shouldRefuseTheSameBytesIfTheyMeanLess() {
        assertEquals(
                Errno.EIO,
                send(
                        request -> {
                            request.payload()[request.payloadOffset() + 1] = 0;
                            request.retag(CHIP);
                        },
                        4,
                        1,
                        7,
                        1));
    }
}
